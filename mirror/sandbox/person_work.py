"""What the synthetic person's work mail and meetings talk about: projects and topics, as tables of phrases.

Phrases only: nothing here draws. `[a|b]` is a choice made anew each time, `{word}` is filled once per conversation, so that
project, place, day and document recur within a thread.
"""

# One phrase a line, however long: broken up, they could not be read any more.
# ruff: noqa: E501

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Project:
    """A piece of work that threads, meetings, tasks and folders share."""

    title: str
    place: str
    boat: str
    instrument: str
    code: str


@dataclass(frozen=True, slots=True)
class Topic:
    """A conversation's course: how it opens, what comes back, how it goes on and how it ends."""

    name: str
    subjects: tuple[str, ...]
    opening: tuple[str, ...]
    more: tuple[str, ...]
    answers: tuple[str, ...]
    follow_up: tuple[str, ...]
    ending: tuple[str, ...]
    files: tuple[str, ...] = ()
    keyword: str | None = None


PROJECTS: tuple[Project, ...] = (
    Project("Harbour survey", "the east basin", "Seeschwalbe", "multibeam", "HS-214"),
    Project("Lightship pier", "the old lightship pier", "Kormoran", "side-scan sonar", "LP-087"),
    Project("Estuary model", "the outer estuary", "Seeschwalbe", "current profiler", "EM-331"),
    Project("Tide gauge network", "gauge station Nordhöft", "Strandläufer", "radar gauge", "TG-019"),
    Project("Breakwater repair", "the north breakwater", "Kormoran", "laser scanner", "BR-140"),
    Project("Sandbank chart", "the Vogelsand", "Strandläufer", "single-beam echo sounder", "SC-052"),
    Project("Ferry slipway", "the ferry slipway", "Kormoran", "drone", "FS-118"),
    Project("Lock gate study", "the inner lock gate", "Seeschwalbe", "acoustic camera", "LG-205"),
    Project("Dune path", "the dune path at Westerland Nord", "Strandläufer", "drone", "DP-066"),
    Project("Buoy telemetry", "buoy 17", "Seeschwalbe", "telemetry unit", "BT-273"),
)

WORK_TOPICS: tuple[Topic, ...] = (
    Topic(
        "report",
        ("{Project}: draft report", "Draft report {Project} for comments", "Comments on {doc}?"),
        (
            "[attached is|here comes] the draft of {doc} for the {project}. [Chapters 1 to 3 are done|Everything up to the discussion is there], the conclusions still need [your eye|a second pair of eyes].",
            "I have finished a first version of {doc}. Could you [read it|have a look] before {day}?",
        ),
        (
            "The part about {place} is the one I am least sure about: we only have {n} good transects there.",
            "Please mark [everything|anything] that {client} could misunderstand.",
            "The figures are still in low resolution, so don't worry about those.",
            "{other} has already been through the method chapter and found two wrong units. Embarrassing, but better now than later.",
        ),
        (
            "[read it on the train this morning|went through it yesterday evening]. It is good. I would move the paragraph about uncertainty forward, otherwise nobody will find it.",
            "Nice work. Table {n} does not add up, I think: the sum is off by {many}. Could be rounding.",
            "I like it. Can we say something about the {instrument} calibration? {client} always asks.",
        ),
        (
            "Good points, all in. I rewrote section {n} and shortened the summary to one page.",
            "Changed as you suggested. {other} is redoing the map, [should be here by {day}|you'll have it by {day}].",
            "On table {n}: you were right, one transect was counted twice. Fixed now.",
        ),
        (
            "Then it is final from my side. I'll send it to {client} on {day}.",
            "Perfect, out it goes. Thank you for the careful reading!",
            "Signed off. [Coffee is on me|The next cake is on me].",
        ),
        ("report.pdf", "report.pdf", "map.png"),
        "Reports",
    ),
    Topic(
        "weather",
        ("{boat} on {day}?", "{Project}: weather window", "Weather for {day}, {place}"),
        (
            "the forecast for {day} says {n} Beaufort from the north-west. I don't think we can survey {place} in that. [Shall we move?|Do we wait or move?]",
            "it looks as if we get a weather window at {place} on {day}, about {n} hours around low water. {boat} would be free.",
        ),
        (
            "The skipper wants to know by tomorrow noon.",
            "If we skip this one, the next good tide is in two weeks.",
            "{other} could come along and run the {instrument}.",
        ),
        (
            "let's take it. I'll tell the harbour office and pack the {instrument} tonight.",
            "I'd rather wait. With that swell half of the data would be noise, and we would do it twice.",
            "Fine by me, as long as we are back before dark. Who brings the sandwiches?",
        ),
        (
            "The new forecast is a bit better: wind drops in the afternoon. Start at half past ten?",
            "Harbour office is informed, they gave us berth {n}.",
            "Skipper says yes. He also says to bring proper boots this time.",
        ),
        (
            "Done, and what a day. {many} lines in the box, seals on the sandbank, nobody seasick.",
            "All right, {day} it is. See you on the pontoon at eight.",
            "Cancelled for now, I'll come back with a new date.",
        ),
        ("photo.png",),
    ),
    Topic(
        "data",
        ("{Project}: data of {date}", "Raw data {code}", "Tide corrections for {place}"),
        (
            "the data of {date} is on the share, folder {code}. A sample is attached so that you can see the columns.",
            "here are the tide corrections for {place}. {many} values, {n} of them flagged.",
        ),
        (
            "Note that time stamps are UTC, not local. I learned that the hard way.",
            "Line {n} has a jump where the {instrument} lost its position for a moment.",
            "Please don't pass it on to {client} before we have cleaned it.",
        ),
        (
            "got it, thanks. The file opens fine; the {n} flagged values are all around high water. Coincidence?",
            "Great. I get a mean difference of {n} cm against the gauge, which is better than I had hoped.",
            "Thanks! One question: is depth positive or negative here?",
        ),
        (
            "Positive down, as always with us. I'll write it into the header.",
            "I looked into it: the gauge was cleaned that day, so the flags are right.",
            "{other} has a script for exactly that, just ask nicely.",
        ),
        ("Works now. I'll archive the raw files under {code}.", "Perfect, that explains it. Closed from my side."),
        ("tides.csv", "transects.csv", "plot.png"),
        "Data",
    ),
    Topic(
        "offer",
        ("Offer {code}", "Quote for {place}", "{Project}: costs of an extra day"),
        (
            "{client} asks what an additional day at {place} would cost. My rough sum is {amount} including {boat}.",
            "attached is our offer {code} for the {project}. It is valid until {date}.",
        ),
        (
            "I have left out the {instrument}, since you have your own.",
            "Travel is charged by the actual cost, as last time.",
            "If you need it split into two invoices, just say so.",
        ),
        (
            "thank you. {amount} is a little more than we had planned. Is there room if we take {n} days together?",
            "Looks fair to me. I need a signature from upstairs, that takes until {day}.",
            "Could you separate boat and people in the table? Procurement wants to see both.",
        ),
        (
            "Of course, new version attached. I could take off five percent for {n} days in a row.",
            "[No problem|Sure], I split it. The sum is the same.",
        ),
        (
            "Approved! The order number is {code}-{n}. Looking forward to it.",
            "We take it. Please go ahead and plan for {date}.",
        ),
        ("offer.pdf",),
        "Offers",
    ),
    Topic(
        "permit",
        ("Permit for {place}", "{Project}: nature protection office", "Waiting for the permit"),
        (
            "the nature protection office wants a map of {place} with all {n} anchor points before they decide.",
            "still no permit for {place}. I called this morning and was told that the file is [on the right desk|under review].",
        ),
        (
            "Breeding season starts in a few weeks, so there is not much time.",
            "They were friendly, but they do want it on paper. Three copies.",
        ),
        (
            "I can draw the map by {day}. Do they want coordinates or just points?",
            "Mention that {boat} is quiet and that we keep {many} metres of distance. That helped last year.",
        ),
        (
            "Map is attached. The northern point moved a little, away from the terns.",
            "They confirmed that the papers arrived. Decision [by {date}|before {day}], they say.",
        ),
        (
            "We have it! Valid from {date}, with the condition that somebody counts the birds. {other} volunteered.",
            "Permit granted. [Cake in the kitchen|I'm relieved].",
        ),
        ("map.png", "permit.pdf"),
    ),
    Topic(
        "minutes",
        ("Notes from today, {Project}", "Minutes {Project}, {date}", "{Project}: who does what"),
        (
            "short notes from our meeting:\n- {other} checks the {instrument} before {day}\n- we ask {client} for access to {place}\n- the report gets a one-page summary\n- next meeting in two weeks, same room",
            "thanks for a good meeting. What I wrote down:\n- line spacing at {place}: {many} m\n- {boat} is booked for {date}\n- open: who talks to {client}?",
        ),
        ("Shout if I got something wrong.", "Everything else is in the shared document."),
        (
            "thanks for writing that up. I can talk to {client}, I have them on the phone tomorrow anyway.",
            "One correction: it was {n} stations, not {many}. Otherwise fine.",
            "I'd add that we still need the key for the gate at {place}.",
        ),
        ("Added, thank you.", "Right, I changed it in the shared document too."),
        ("All ticked off except the summary. Nearly there.", "{client} says yes. That was the last open point."),
        (),
        "Minutes",
    ),
    Topic(
        "equipment",
        ("Who has the {instrument}?", "{instrument} back from service", "Booking the {instrument} for {day}"),
        (
            "does anybody know where the {instrument} is? The case in the cellar is empty, and I need it on {day}.",
            "the {instrument} is back from service. They replaced the [connector|seal|battery] and found sand in places where no sand should be.",
        ),
        ("The charger is missing as well.", "I have put a new label on the case, a big one."),
        (
            "it is in the back of the van, under the life jackets. My fault, sorry!",
            "I have it until {day}, then it is yours. The battery holds about {n} hours.",
        ),
        ("Found it. The van also contains {n} umbrellas, if anybody misses one.", "Great, I'll pick it up on {day}."),
        ("Back in the cellar, clean and charged.", "Thanks! It measured happily all day."),
        ("manual.pdf",),
    ),
    Topic(
        "site visit",
        ("Visit to {place} on {date}", "{Project}: site visit", "Meeting you at {place}"),
        (
            "we would like to see {place} before the work begins. Would {date} suit you?",
            "{client} is coming with {n} people on {date}. Can we show them {place} and the {boat}?",
        ),
        ("Helmets and boots are on us.", "It is a ten minute walk from the car park, with a good view."),
        (
            "{date} works well. Low water is at half past {n}, we should start a bit earlier.",
            "Gladly. I'll ask the gatekeeper to let us in and reserve a table for lunch.",
        ),
        ("Wonderful. {other} will join us.", "Tell them to dress warmly; there is always wind."),
        (
            "Thank you for the tour. The photo is attached: everybody smiling, despite the rain.",
            "Great visit, and a very good soup.",
        ),
        ("photo.png",),
    ),
    Topic(
        "slides",
        ("Slides for {client}", "{Project}: presentation on {day}", "One more slide?"),
        (
            "I need {n} slides about the {project} for {client} on {day}. Do you have anything I can reuse?",
            "here are the slides for {day}. It is {many} pages, which is at least ten too many.",
        ),
        ("Pictures of {boat} always go down well.", "I'd like to end with the map."),
        (
            "take the three from last spring, they are still right. And throw out the table, nobody reads it.",
            "Much better than mine. On page {n}, the axis has no unit.",
        ),
        ("Unit added, table gone. Down to {n} pages.", "I rehearsed it with {other}: eighteen minutes."),
        ("It went well! They asked about {place} for half an hour.", "They liked it. We get to come back in autumn."),
        ("slides.pdf", "plot.png"),
    ),
    Topic(
        "contract",
        ("Contract amendment {code}", "Signature needed: {code}", "{Project}: amendment no. {n}"),
        (
            "attached is the amendment to {code}. It only moves the delivery date to {date}; everything else stays.",
            "legal has one question about paragraph {n}: who owns the raw data afterwards?",
        ),
        ("Two signatures, please, and a stamp if you have one.", "No hurry, any day this week is fine."),
        (
            "signed and attached. The original goes out by post today.",
            "The data belongs to both of us, as in the first contract. I'd like to keep that sentence.",
        ),
        ("Agreed, the sentence stays.", "Received, thank you. Countersigned version follows."),
        ("Filed. Thanks for the quick turnaround.", "Then we are set until {date}."),
        ("contract.pdf",),
        "Contracts",
    ),
    Topic(
        "server",
        ("Share is full again", "Licence for the processing software", "Server room on {day}"),
        (
            "the share is {many} GB from full. Could everybody please look through their folders? {code} alone has {n} copies of the same video.",
            "the licence of the processing software runs out on {date}. I'd renew it for {n} seats unless somebody objects.",
        ),
        ("I'll move everything older than two years to the archive on {day}.", "It takes five minutes, I promise."),
        (
            "cleaned up after myself, that was 80 GB of drone footage. Sorry.",
            "{n} seats are enough. {other} hardly uses it.",
        ),
        ("You are a hero.", "Renewed. The new key is in the usual place."),
        ("All green again, thanks to everybody.", "Done. Next reminder in a year."),
    ),
    Topic(
        "invoice",
        ("Invoice {code}-{n}", "Question about invoice {code}", "Second reminder, sort of"),
        (
            "please find attached invoice {code}-{n} over {amount} for our work at {place}.",
            "on your invoice {code} there is an item '{boat}, {n} days'. According to my list it was one day less. Could you check?",
        ),
        ("Payment within 30 days, as agreed.", "The bank details have not changed."),
        (
            "received, and passed on to accounting. Should be with you by {date}.",
            "You are right, one day was the weather day and is free of charge. A corrected invoice comes today.",
        ),
        ("Thank you, corrected version received.", "Just checking: {amount} including tax?"),
        ("Paid this morning.", "Money arrived, thank you very much."),
        ("invoice.pdf",),
        "Invoices",
    ),
    Topic(
        "intern",
        ("Intern for the summer", "{other}'s first week", "Cover for {day}"),
        (
            "we have an application from a student who wants to spend the summer on the {project}. She can already run the {instrument}. Shall we invite her?",
            "I'm away from {day} for {n} days. Could you keep an eye on the {project}?",
        ),
        ("Nothing is burning, there might be a call from {client}.", "I have written down everything on one page."),
        ("Yes, please! She can share the desk with {other}.", "Of course. Enjoy it, and don't read mail."),
        ("Invited for {date}, half past ten.", "One more thing: the key to {place} is in my drawer."),
        ("She starts in June. I'm glad.", "Back again, with sand in everything. Thank you for covering."),
        ("application.pdf",),
    ),
    Topic(
        "question",
        ("Quick question", "Quick question about {place}", "Do you remember {code}?", "Lunch?"),
        (
            "[quick question|just a thought]: did we ever measure {place} at spring tide? I can't find it.",
            "do you have {n} minutes today? I'd like to show you something odd in the {instrument} data.",
            "do you know whom to ask at {client} about {place}? My old contact seems to have left.",
        ),
        ("No hurry.", "Easier by phone, perhaps."),
        (
            "we did, in the autumn before last. Look under {code}, {other} filed it.",
            "Sure, come over after lunch. Bring coffee.",
            "Ask {other}, who knows everybody there.",
        ),
        ("Found it, brilliant.", "Thank you! That saved me an afternoon."),
        ("See you there.", "You're welcome."),
    ),
)

LONG_SUBJECT = (
    "Re: Fwd: Re: {Project} – revised schedule, open questions of the harbour office, the parking situation at {place}, "
    "who brings the {instrument}, what happens when it rains, and (last point, promise) the cake for Friday's handover"
)
