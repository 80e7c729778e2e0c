"""The mail that machines send: newsletters, receipts, notices and (harmless) junk, as tables of phrases.

Phrases only, in the notation of `person_work`; nothing here draws.
"""

# One phrase a line, however long: broken up, they could not be read any more.
# ruff: noqa: E501

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Circular:
    """A regular sender. `every_days` apart on average, at about `hour`."""

    name: str
    address: str
    every_days: float
    hour: int
    subjects: tuple[str, ...]
    paragraphs: tuple[str, ...]
    group: str
    files: tuple[str, ...] = ()


CIRCULARS: tuple[Circular, ...] = (
    Circular(
        "The Tide Table",
        "letter@tidetable.example",
        7,
        6,
        (
            "The Tide Table, issue {issue}",
            "The Tide Table {issue}: why harbours hum",
            "The Tide Table {issue}: mud, and why we love it",
        ),
        (
            "This week: a village that sets its clocks by the ferry, the quiet return of the seagrass, and a reader's photograph of a very confused heron.",
            "From the archive: how a schoolteacher measured the tide for forty years with a broomstick and a nail.",
            "The long read: {n} things that a sandbank remembers.",
            "Readers ask: is it true that the seventh wave is the biggest? (No. But we like that you counted.)",
        ),
        "newsletter",
    ),
    Circular(
        "Hydrography Today",
        "news@hydrography-today.example.org",
        14,
        8,
        (
            "Hydrography Today no. {issue}",
            "New standards, old charts | Hydrography Today",
            "Call for papers: Coastal Days",
        ),
        (
            "New minimum standards for port surveys have been published. We have read all {many} pages so that you don't have to.",
            "Call for papers: the Coastal Days in {town} look for talks on cheap sensors, open data and good failures.",
            "Job board: {n} new positions, from deckhand to professor.",
        ),
        "newsletter",
    ),
    Circular(
        "Bücherstube Leuchtturm",
        "neues@buecherstube-leuchtturm.example",
        30,
        9,
        ("Neue Bücher im {month}", "Lesung am {date}: Eintritt frei", "Unsere Lieblinge"),
        (
            "Frisch eingetroffen: {book}, zwei neue Kinderbücher über Wale und ein Atlas der erfundenen Inseln.",
            "Am {date} liest unsere Nachbarin aus ihrem ersten Roman. Es gibt Tee und {dish}.",
        ),
        "newsletter",
    ),
    Circular(
        "Kitchen Garden Club",
        "hello@kitchengarden.example",
        14,
        7,
        ("Your garden in {month}", "Too many courgettes? 🥒", "Sow now: {n} things for {month}"),
        (
            "Now is the time to sow salad in boxes, to divide the chives and to be strict with the mint.",
            "Recipe of the fortnight: {dish}, with whatever the garden gives.",
            "Swap table: {n} members offer tomato seedlings, one looks for a wheelbarrow.",
        ),
        "newsletter",
    ),
    Circular(
        "Stadtbücherei",
        "ausleihe@stadtbuecherei.example",
        18,
        4,
        ("Loan period ends on {date}", "Reminder: {n} items are due"),
        (
            "{n} items on your card are due on {date}. You can renew them online twice.",
            "One of them is {book}. Somebody else is waiting for it.",
        ),
        "notice",
    ),
    Circular(
        "Build lamp",
        "lamp@ci.tidemark.example",
        2.6,
        14,
        ("[passed] tide-tools #{issue}", "[failed] tide-tools #{issue}", "[passed] gauge-web #{issue}"),
        (
            "Build {issue} took {n} minutes. {many} tests ran.",
            "Last change: correct the sign of the pressure correction.",
        ),
        "notice",
    ),
    Circular(
        "Paketbote",
        "sendung@paketbote.example",
        9,
        11,
        ("Your parcel arrives on {day}", "Parcel delivered to your neighbour", "Your parcel is on its way"),
        (
            "Your parcel {code}{many} arrives on {day} between ten and one.",
            "We left it with your neighbour on the ground floor, who was in a good mood.",
        ),
        "notice",
    ),
    Circular(
        "Nordbahn Tickets",
        "tickets@nordbahn.example",
        11,
        17,
        ("Your ticket to {town}", "Booking {code}: {town}", "Your receipt for {town}"),
        (
            "Thank you for travelling with us. Your ticket to {town} for {date} is attached.",
            "Coach {n}, seat {many}, by the window. Total {price}.",
        ),
        "receipt",
        ("ticket.pdf",),
    ),
    Circular(
        "Grünkorb",
        "bestellung@gruenkorb.example",
        8,
        19,
        ("Your order no. {code}{many}", "Receipt {code}{many}", "Your basket is packed"),
        (
            "{n} items, {price}. Delivery on {day} before eight. The leeks are especially good this week.",
            "Please put the empty boxes in front of the door.",
        ),
        "receipt",
        ("receipt.pdf",),
    ),
    Circular(
        "Wattwerk Strom",
        "rechnung@wattwerk.example",
        31,
        10,
        ("Your bill for {month}", "Abschlag {month}"),
        (
            "Your monthly payment of {price} will be collected on {date}.",
            "You used {many} kWh, {n} less than in the month before. Well done!",
        ),
        "receipt",
        ("invoice.pdf",),
    ),
    Circular(
        "Radwerk Altona",
        "werkstatt@radwerk.example",
        60,
        12,
        ("Your bicycle is ready", "Receipt: service"),
        ("New brake pads, new chain, one bell that rings again. {price}.", "Open until six."),
        "receipt",
        ("receipt.pdf",),
    ),
)

JUNK: tuple[tuple[str, str, str, str], ...] = (
    (
        "Garden Gnome Lottery",
        "winner@gnomes.example.net",
        "You have WON {n} garden gnomes",
        "Claim your gnomes before {date}! They are waiting, and they are many.",
    ),
    (
        "Prince of Discounts",
        "offers@discount-prince.example.net",
        "{many}% off everything that you don't need",
        "Today only. Tomorrow too, probably.",
    ),
    (
        "Mega Umbrella",
        "sale@megaumbrella.example.com",
        "Re: your umbrella",
        "We noticed that you do not own the MEGA umbrella yet. It is {n} metres wide.",
    ),
    (
        "Account Team",
        "no-reply@account-check.example.net",
        "Action required: your account of {day}",
        "Your account will be confirmed when you confirm the confirmation. Please confirm.",
    ),
    (
        "SEO Wizards",
        "hello@seo-wizards.example.com",
        "Page 1 of every search engine, guaranteed",
        "I looked at your site and have {many} suggestions, all of them invoices.",
    ),
    (
        "Crypto Clam",
        "clam@crypto-clam.example.net",
        "The clam is going to the moon 🚀",
        "Early clams get {n} times the pearls. This is not advice, it is a clam.",
    ),
    (
        "Dr. Bounce",
        "trampoline@bounce.example.com",
        "Jump yourself young",
        "{n} minutes a day on our trampoline, says somebody who sells trampolines.",
    ),
    (
        "Conference Office",
        "invite@all-sciences.example.net",
        "Dear Respected Professor, your paper on {code}",
        "We read your wonderful paper and invite you to {town}. The fee is only {price}.",
    ),
)
