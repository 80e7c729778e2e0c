"""What the synthetic person's private mail, dates and lists talk about: family, friends, choir, flat and boat.

Phrases only, in the notation of `person_work`; nothing here draws.
"""

# One phrase a line, however long: broken up, they could not be read any more.
# ruff: noqa: E501

from __future__ import annotations

from mirror.sandbox.person_work import Topic

TOWNS = ("Lübeck", "Bergen", "Whitby", "Saint-Malo", "Gdańsk", "Porto", "Kraków", "Trondheim", "Helgoland", "Aarhus")
DISHES = ("the lentil stew", "plum cake", "pierogi", "the fish soup", "a mountain of waffles", "saffron buns", "dal")
PIECES = (
    "the Brahms",
    "'Abendlied'",
    "the Duruflé",
    "the new arrangement",
    "the sea shanty",
    "the Rheinberger",
    "the Kodály",
)
BOOKS = (
    "the lighthouse novel",
    "the book about eels",
    "that biography of a cartographer",
    "the one with the two sisters and the ferry",
    "the cookbook with the blue cover",
)

HOME_TOPICS: dict[str, tuple[Topic, ...]] = {
    "family": (
        Topic(
            "visit",
            ("{day}?", "Sunday lunch", "Visiting you in {month}", "The children on {day}"),
            (
                "are you coming on {day}? I'm making {dish}, and there will be too much of it.",
                "we were thinking of visiting you in {month}. Would the weekend around {date} work?",
                "could you take the children on {day}? We have theatre tickets. They have been promised {dish}.",
            ),
            (
                "Smilla wants to show you her new bicycle.",
                "Theo has lost another tooth and talks of little else.",
                "Bring nothing. Well, perhaps the board game.",
            ),
            (
                "we'd love to! We take the train at ten.",
                "Yes to everything, especially {dish}.",
                "{day} is difficult, choir rehearsal. Sunday instead?",
            ),
            (
                "Even better.",
                "Then I'll ask {other} as well.",
                "Perfect. I'll book the table by the window, that is, ours.",
            ),
            (
                "That was lovely. You forgot an umbrella and one sock.",
                "See you then! ❤️",
                "Arrived home safely, everybody asleep.",
            ),
            ("photo.png",),
            "Family",
        ),
        Topic(
            "present",
            ("Present for {other}", "Birthday!", "An idea for {other}'s birthday"),
            (
                "what shall we give {other}? I was thinking of {book}, or something for the garden.",
                "it is {other}'s birthday soon and I have no idea. You always do!",
            ),
            ("We could share.", "It must not be another scarf."),
            ("{book} is good, I heard {other} mention it. I'll order it.", "A weekend in {town}? We could all go."),
            ("Ordered. You owe me half and a coffee.", "Wonderful idea. Psst, not a word."),
            ("{other} was so happy. Well done, us.", "Wrapped and hidden behind the coats."),
            (),
            "Family",
        ),
        Topic(
            "house",
            ("The leaking window", "Roof, part {n}", "Photos from {town}", "Grandma's recipe"),
            (
                "the window in the stairwell is leaking again. The roofer says {amount}, which I find bold. What do you think?",
                "here are the photos from {town}. The third one is for the frame.",
                "found it! The recipe for {dish}, in grandmother's handwriting. I scanned it for everybody.",
            ),
            ("Dad says hello.", "The cat is fine and ignores us all."),
            ("thank you! Printed and on the fridge.", "Ask for a second offer. And put a bucket under it."),
            ("Second offer is half of that. Good that we asked.", "I made it on Sunday. Not like hers, but close."),
            ("All dry now.", "More of this, please."),
            ("photo.png", "recipe.pdf"),
            "Family",
        ),
    ),
    "friend": (
        Topic(
            "trip",
            ("{town} in {month}", "Weekend in {town}", "Remember {town}?"),
            (
                "how about a weekend in {town} in {month}? I found a small place by the water for {price}, breakfast included.",
                "I'm going to be near {town} around {date}. Any chance to see you?",
            ),
            (
                "There is a museum of buoys. You'd be impossible, and happy.",
                "Trains are cheap if we book this week.",
                "Bring {other}!",
            ),
            (
                "{town}! Yes. I have to ask Jonas about the children, then I'll book.",
                "I'd love to, but that is survey week. A week later?",
            ),
            ("A week later is fine. Booking now.", "Seats {n} and {many}, we'll find each other."),
            ("I'm still smiling. Here is the picture of us and the seagull.", "Home again. Same time next year?"),
            ("photo.png",),
        ),
        Topic(
            "news",
            ("Long time!", "A postcard, sort of", "News", "Just because"),
            (
                "it has been far too long. We have moved to {town}, there is a balcony and a very loud blackbird. How are you all?",
                "nothing important, I just walked past the old café and thought of you.",
                "I have finally finished {book}. You were right about the ending.",
            ),
            ("I started to learn the accordion. The neighbours are brave.", "Work is work, but I like the new people."),
            (
                "how good to hear from you! Here everything as always: tides, homework, {dish} on Sundays.",
                "I had to laugh out loud on the ferry. Come and visit us!",
            ),
            ("I will. In {month}?", "An accordion! Please bring it. No, please don't."),
            ("Until very soon.", "Hug everybody from me."),
        ),
        Topic(
            "boat",
            ("Sailing on {day}?", "The boat needs paint", "Launching day"),
            (
                "wind from the south-west on {day}, {n} knots and sun. Are you free?",
                "the boat goes back into the water on {date}. Could you help with the mast? There will be {dish} afterwards.",
            ),
            ("Your turn to steer.", "I have fixed the pump. I think."),
            (
                "count me in. I bring the children and the thermos.",
                "I'd love to, but I have promised to paint the kitchen.",
            ),
            ("Half past nine at the jetty?", "Then next time. The boat isn't going anywhere."),
            ("What a sail! I still have salt in my ears.", "She floats!"),
            ("photo.png",),
        ),
        Topic(
            "film",
            ("Film night", "Concert tickets", "Book club: {book}", "Bouldering on {day}"),
            (
                "the little cinema shows the documentary about lighthouse keepers on {day}. Shall we?",
                "I have {n} tickets for the concert on {date} and nobody to come with me. {other} has the flu.",
                "next book club is on {date}, at mine. We read {book}.",
            ),
            ("Popcorn on me.", "No need to have finished the book, as usual."),
            ("yes! I'll come straight from work.", "I'm in, if I may bring {dish}."),
            ("You may. You must.", "Doors open at seven."),
            ("That was a good evening.", "I cried at the foghorn. Don't tell anybody."),
        ),
    ),
    "choir": (
        Topic(
            "rehearsal",
            ("Rehearsal on {day}", "Choir: room change", "Altos, please read", "Who is missing on {day}?"),
            (
                "on {day} we start half an hour earlier, with {piece}. Please bring a pencil!",
                "the parish hall is taken on {day}, so we sing in the school gym. The acoustics will be interesting.",
                "who can't come on {day}? We are only {n} tenors at the moment.",
            ),
            ("Please practise bars {n} to {many}, slowly.", "There is tea afterwards, and {dish}."),
            (
                "I'll be there, perhaps ten minutes late.",
                "Sorry, I'm at sea on {day}. Literally.",
                "Coming! And I bring a tenor.",
            ),
            ("Wonderful, thank you.", "Then I'll print one more copy of {piece}."),
            ("That sounded so much better than last week.", "See you all on {day}."),
            ("score.pdf",),
            "Choir",
        ),
        Topic(
            "concert",
            ("Concert in {month}", "Programme for {month}", "Posters!", "Choir weekend in {town}"),
            (
                "here is the programme for {month}: first {piece}, then a short break, then everything with piano.",
                "the posters are here. Who can put some up? They are rather blue.",
                "we have the hostel in {town} for the choir weekend from {date}. It is {price} per person with full board.",
            ),
            ("Black clothes, something blue.", "Families are welcome."),
            (
                "I can take {n} posters to the office and the bakery.",
                "Lovely programme. Do we repeat {piece} as encore?",
                "We are coming, all four of us.",
            ),
            ("Yes, if anybody asks for one.", "Noted. Vegetarian as well?"),
            ("{many} people in the audience! Thank you all.", "Paid. I'm looking forward to it."),
            ("poster.png", "programme.pdf"),
            "Choir",
        ),
    ),
    "service": (
        Topic(
            "appointment",
            ("Your appointment on {date}", "Appointment reminder", "About your request"),
            (
                "this is a reminder of your appointment on {date} at half past {n}. If you can't come, please tell us a day before.",
                "thank you for your message. We could offer you {date} in the morning.",
                "your order is ready and can be collected until {date}.",
            ),
            ("Please bring your card.", "We are on the second floor, the lift works again."),
            ("thank you, I'll be there.", "Could we make it a little later that day?"),
            ("Of course, half past four?", "Noted."),
            ("See you then.", "Thank you very much."),
        ),
        Topic(
            "school",
            ("Parents' evening", "Class 6b: trip to {town}", "Stairwell and cellar", "Club house duty"),
            (
                "the parents' evening takes place on {date} at seven. Please tell us if you are coming.",
                "on {date} the class goes to {town}. Please give your child {price} and a raincoat.",
                "on {day} the water is switched off between nine and twelve. We are sorry for the trouble.",
            ),
            ("A form is attached.", "We still need somebody who brings {dish}."),
            ("one of us will come.", "Thanks for telling us. Smilla is looking forward to it.", "I can bring {dish}."),
            ("Thank you, you are on the list.", "Wonderful!"),
            ("It was a lovely day, thanks to everybody.", "Many thanks."),
            ("form.pdf",),
        ),
    ),
}

# No subject at all is something else than an empty one; both exist.
NOTES_TO_SELF: tuple[tuple[str | None, str], ...] = (
    ("Shopping", "milk, oats, red onions, the good olives, candles, something for Liv's birthday"),
    (None, "locker code at the pool is the year the breakwater was built"),
    ("Idea for the talk", "start with the sound of the {instrument}, not with an agenda slide"),
    ("Read later", "https://library.example.org/tides/{many} – the part about harmonic analysis"),
    ("Scan", "the signed paper from today, so that I find it again"),
    ("Measurements kitchen", "width 2.43, height below the window 0.91, the corner is not square"),
    ("{code}", "ask {other} about line {n}; ring {client} before noon; take the van keys home"),
    ("", "Theo: gym shoes size 31!"),
    ("Packing list {town}", "passport, thermos, Theo's bear, charger, {book}, rain trousers for everybody"),
    ("Numbers for tax", "bicycle {price}, train cards, half of the desk"),
)
