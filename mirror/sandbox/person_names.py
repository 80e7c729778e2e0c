"""The names, countries, companies and roles that the synthetic people of the sandbox are made of. All of them invented.

Tables only: nothing here draws or decides anything. Names in other scripts carry their Latin spelling, because mail
addresses need one.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Culture:
    """How people of one country are called, greet and live. A name is `written` or `written/latin`."""

    country: str
    phone: str
    cities: tuple[str, ...]
    streets: tuple[str, ...]
    given: tuple[str, ...]
    family: tuple[str, ...]
    hello: tuple[str, ...] = ("Hi {name}", "Hello {name}", "Dear {name}")
    bye: tuple[str, ...] = ("Best", "All the best", "Cheers", "Thanks")
    family_first: bool = False


CULTURES: dict[str, Culture] = {
    "de": Culture(
        "Germany",
        "+49",
        ("20457 Hamburg", "28195 Bremen", "23552 Lübeck", "24103 Kiel", "10997 Berlin", "50667 Köln"),
        ("Deichstraße", "Am Sandtorkai", "Lindenallee", "Möwenweg", "Große Elbstraße", "Fährgasse"),
        (
            "Jörg",
            "Käthe",
            "Sönke",
            "Annika",
            "Björn",
            "Frauke",
            "Matthias",
            "Wiebke",
            "Ulrike",
            "Jürgen",
            "Lena",
            "Henning",
        ),
        (
            "Müller-Brandt",
            "Grünwald",
            "Petersen",
            "Köhler",
            "Weiß",
            "Sörensen",
            "Lüders",
            "Hagedorn",
            "Böhm",
            "Claasen",
        ),
        ("Moin {name}", "Hallo {name}", "Hi {name}"),
        ("Viele Grüße", "Best", "Bis bald", "Schöne Grüße"),
    ),
    "uk": Culture(
        "United Kingdom",
        "+44",
        ("Bristol BS1 4RW", "Leith EH6 6QQ", "Whitby YO21 3PU", "Cardiff CF10 4PA", "London SE10 9LZ"),
        ("Quay Street", "Chandlers Lane", "Old Ferry Road", "Harbour Terrace", "Lighthouse Row"),
        (
            "Oliver",
            "Harriet",
            "Imogen",
            "Callum",
            "Beth",
            "Rhys",
            "Fiona",
            "Alastair",
            "Poppy",
            "Gareth",
            "Nell",
            "Ewan",
        ),
        ("Ashworth", "Penrose", "Fairley", "Hartwell", "Tremayne", "Ogilvy", "Bexley", "Marlowe", "Sedgwick", "Thorne"),
    ),
    "ng": Culture(
        "Nigeria",
        "+234",
        ("Lagos 101241", "Port Harcourt 500101", "Ibadan 200212"),
        ("Marina Road", "Creek View Close", "Palm Avenue"),
        ("Ada", "Chidi", "Ngozi", "Tunde", "Folake", "Emeka", "Amara", "Kehinde"),
        ("Okafor", "Adeyemi", "Eze", "Balogun", "Nwosu", "Obaseki"),
        ("Good morning {name}", "Hi {name}", "Hello {name}"),
    ),
    "no": Culture(
        "Norway",
        "+47",
        ("5003 Bergen", "4006 Stavanger", "7010 Trondheim", "9008 Tromsø"),
        ("Strandgaten", "Fjordveien", "Nordre Brygge", "Bryggeveien"),
        ("Åse", "Eirik", "Solveig", "Håkon", "Ingrid", "Øystein", "Marit", "Sverre"),
        ("Hovland", "Bjørnstad", "Aasen", "Lønning", "Fjeld", "Østby", "Nygård"),
        ("Hei {name}", "Hi {name}", "Hallo {name}"),
        ("Hilsen", "Mvh", "Beste hilsen", "Takk"),
    ),
    "pl": Culture(
        "Poland",
        "+48",
        ("80-831 Gdańsk", "70-205 Szczecin", "31-042 Kraków", "90-408 Łódź"),
        ("ulica Długa", "Nabrzeże Wiślane", "ulica Portowa"),
        ("Małgorzata", "Łukasz", "Zofia", "Paweł", "Agnieszka", "Wojciech", "Żaneta", "Kuba"),
        ("Wiśniewska", "Dąbrowski", "Żuraw", "Gołąb", "Śliwa", "Krawczyk"),
        ("Cześć {name}", "Hi {name}", "Dzień dobry {name}"),
        ("Pozdrawiam", "Dzięki", "Best"),
    ),
    "fr": Culture(
        "France",
        "+33",
        ("29200 Brest", "17000 La Rochelle", "13002 Marseille", "35400 Saint-Malo"),
        ("quai des Chartrons", "rue du Phare", "rue de la Marée", "allée des Pins"),
        ("Élodie", "François", "Maëlle", "Benoît", "Hélène", "Loïc", "Chloé", "Anaïs"),
        ("Lefèvre", "Kerguelen", "Béranger", "Château", "d'Aubigné", "Moreau", "Le Goff"),
        ("Bonjour {name}", "Salut {name}", "Coucou {name}"),
        ("À bientôt", "Bien à toi", "Merci encore", "Amitiés"),
    ),
    "es": Culture(
        "Spain",
        "+34",
        ("36202 Vigo", "48001 Bilbao", "11004 Cádiz", "08003 Barcelona"),
        ("calle del Muelle", "paseo Marítimo", "calle Sirena"),
        ("Íñigo", "Lucía", "Begoña", "Joaquín", "Nuria", "Álvaro", "Inés", "Ramón"),
        ("Peña", "Echeverría", "Núñez", "Garrido", "Ibáñez", "Castaño"),
        ("Hola {name}", "Buenas {name}", "Hi {name}"),
        ("Un abrazo", "Saludos", "Gracias", "Besos"),
    ),
    "tr": Culture(
        "Türkiye",
        "+90",
        ("35220 İzmir", "34425 İstanbul", "48700 Marmaris"),
        ("Kordon Caddesi", "Liman Sokağı", "Çınar Sokak"),
        ("Ayşe", "Çağlar", "Gül", "İlker", "Özlem", "Şebnem"),
        ("Yıldız", "Öztürk", "Aydın", "Kılıç", "Çelik"),
        ("Merhaba {name}", "Selam {name}", "Hi {name}"),
        ("Sevgiler", "Selamlar", "Best"),
    ),
    "in": Culture(
        "India",
        "+91",
        ("Kochi 682001", "Chennai 600001", "Mumbai 400001"),
        ("Beach Road", "Lotus Lane", "Temple Street"),
        ("Meera", "Arjun", "Lakshmi", "Rohan", "Anjali", "Vikram", "Divya", "Sanjay"),
        ("Nair", "Iyer", "Banerjee", "Kulkarni", "Menon", "Chandran"),
        ("Hi {name}", "Dear {name}", "Namaste {name}"),
    ),
    "ua": Culture(
        "Ukraine",
        "+380",
        ("Одеса 65026", "Київ 01001", "Львів 79000"),
        ("вулиця Приморська", "вулиця Садова"),
        ("Оксана/Oksana", "Тарас/Taras", "Леся/Lesia", "Богдан/Bohdan", "Соломія/Solomiia"),
        ("Коваль/Koval", "Гончар/Honchar", "Мельник/Melnyk", "Заєць/Zaiets"),
        ("Привіт {name}", "Hi {name}", "Вітаю {name}"),
        ("Обіймаю", "Дякую", "До зустрічі"),
    ),
    "gr": Culture(
        "Greece",
        "+30",
        ("Πειραιάς 185 35", "Χανιά 731 32", "Βόλος 382 21"),
        ("Ακτή Μιαούλη", "οδός Φάρου"),
        ("Ελένη/Eleni", "Νίκος/Nikos", "Δήμητρα/Dimitra", "Σταύρος/Stavros"),
        ("Παππάς/Pappas", "Καραλή/Karali", "Ψαρράς/Psarras"),
        ("Γεια σου {name}", "Hi {name}", "Καλημέρα {name}"),
        ("Φιλιά", "Τα λέμε", "Ευχαριστώ"),
    ),
    "ar": Culture(
        "Morocco",
        "+212",
        ("طنجة 90000", "الدار البيضاء 20250", "أكادير 80000"),
        ("شارع الميناء", "شارع البحر"),
        ("ليلى/Layla", "يوسف/Youssef", "أمينة/Amina", "كريم/Karim", "سلمى/Salma"),
        ("الفاسي/Elfassi", "بنعلي/Benali", "المنصوري/Mansouri", "حداد/Haddad"),
        ("Salam {name}", "مرحبا {name}", "Hi {name}"),
        ("مع أطيب التحيات", "شكرا", "See you"),
    ),
    "jp": Culture(
        "Japan",
        "+81",
        ("横浜市 231-0023", "神戸市 650-0042", "函館市 040-0053", "長崎市 850-0921"),
        ("海岸通り 3-12", "港町 1-8", "浜松町 2-4"),
        (
            "花/Hana/はな",
            "健太/Kenta/けんた",
            "美咲/Misaki/みさき",
            "大輔/Daisuke/だいすけ",
            "陽子/Yoko/ようこ",
            "翔/Sho/しょう",
        ),
        (
            "水野/Mizuno/みずの",
            "高橋/Takahashi/たかはし",
            "小川/Ogawa/おがわ",
            "森田/Morita/もりた",
            "石川/Ishikawa/いしかわ",
        ),
        ("{name}さん", "Dear {name}-san", "Hello {name}"),
        ("よろしくお願いします", "Kind regards", "またね"),
        family_first=True,
    ),
    "kr": Culture(
        "South Korea",
        "+82",
        ("부산 48953", "인천 22320"),
        ("해안로", "등대길"),
        ("지우/Jiwoo", "민준/Minjun", "서연/Seoyeon"),
        ("한/Han", "윤/Yoon", "서/Seo"),
        ("안녕하세요 {name}", "Hi {name}"),
        ("감사합니다", "Best"),
        family_first=True,
    ),
    "br": Culture(
        "Brazil",
        "+55",
        ("Santos 11010-150", "Florianópolis 88010-000"),
        ("rua do Cais", "avenida Beira-Mar"),
        ("João", "Conceição", "Luísa", "Tomás", "Antônia"),
        ("Araújo", "Guimarães", "Falcão", "Simões"),
        ("Oi {name}", "Olá {name}", "Hi {name}"),
        ("Abraços", "Beijos", "Até mais"),
    ),
}


@dataclass(frozen=True, slots=True)
class Company:
    """A firm that the person works at or with. `headcount` people of it are in the address book."""

    name: str
    domain: str
    cultures: tuple[str, ...]
    headcount: int
    office: str
    roles: tuple[str, ...]


OWN_COMPANY = Company(
    "Tidemark Surveys",
    "tidemark.example",
    ("de", "uk", "no", "ng", "pl", "in"),
    24,
    "Pier 4, second floor",
    ("Hydrographer", "Project lead", "Survey technician", "Data analyst", "GIS specialist", "Office manager", "Skipper",
     "Finance", "Software developer", "Managing director"),
)  # fmt: skip

PARTNERS: tuple[Company, ...] = (
    Company("Northquay Ports", "northquay.example", ("uk", "de"), 13, "Harbour House",
            ("Harbour master", "Operations planner", "Procurement", "Port engineer", "Environment officer")),
    Company("Brightwater Institute", "brightwater.example.org", ("no", "fr", "in"), 12, "Building C",
            ("Oceanographer", "Postdoc", "Lab manager", "Programme officer", "Librarian")),
    Company("Kessel & Rohr Ingenieure", "kesselrohr.example", ("de", "pl"), 12, "Haus 2",
            ("Structural engineer", "Draughtsperson", "Site manager", "Partner", "Quality assurance")),
    Company("Mizuno Hydro 水野水工", "mizuno-hydro.example", ("jp", "kr"), 9, "本社 5F",
            ("Sonar specialist", "Sales engineer", "Customer support", "Research lead")),
    Company("Delta Cartography", "deltacarto.example", ("es", "fr", "br"), 10, "Studio 3",
            ("Cartographer", "Designer", "Account manager", "Print buyer")),
    Company("Harrow Lane Insurance", "harrowlane.example", ("uk", "in"), 8, "7th floor",
            ("Underwriter", "Claims handler", "Account manager")),
    Company("Pelican Press", "pelicanpress.example", ("pl", "gr", "tr"), 8, "Print hall",
            ("Production", "Editor", "Customer service")),
)  # fmt: skip

NICKNAMES = ("Sunny 🌞", "Captain ⚓", "Fox 🦊", "Bee 🐝", "Pip", "Momo", "Ziggy ⚡", "Biscuit 🍪", "Lulu", "Teddy 🐻")

SERVICES: tuple[tuple[str, str, str | None], ...] = (
    ("Dr. Wiebke Ohlsen", "Dentist", "praxis@zahnarzt-ohlsen.example"),
    ("Dr. Amir Sattler", "Family doctor", None),
    ("Haus & Hof Verwaltung", "Landlord's office", "buero@hausundhof.example"),
    ("Grundschule am Fleet", "School office", "sekretariat@schule-am-fleet.example"),
    ("Radwerk Altona", "Bicycle workshop", "werkstatt@radwerk.example"),
    ("Klempnerei Tönnies", "Plumber", None),
    ("Elektro Funk", "Electrician", None),
    ("Bäckerei Morgenrot", "Bakery", None),
    ("Taxi Sieben Siebener", "Taxi", None),
    ("Tierpraxis Pfote", "Vet", "hallo@tierpraxis-pfote.example"),
    ("Salon Kamm & Wind", "Hairdresser", None),
    ("Bücherstube Leuchtturm", "Bookshop", "post@buecherstube-leuchtturm.example"),
    ("Segelclub Elbinsel", "Sailing club", "vorstand@segelclub-elbinsel.example"),
    ("Autowerkstatt Jansen", "Garage", None),
    ("Steuerkanzlei Roth", "Tax adviser", "kanzlei@steuer-roth.example"),
)

FAMILY: tuple[tuple[str, str, str, str | None, str], ...] = (
    # given, family name, who it is, address, birthday
    ("Jonas", "Halvorsen", "husband", "jonas@halvorsen.example", "1983-05-17"),
    ("Smilla", "Halvorsen", "daughter", None, "2014-09-02"),
    ("Theo", "Halvorsen", "son", None, "2017-03-29"),
    ("Astrid", "Brandt", "mother", "astrid.brandt@post.example.net", "1954-11-08"),
    ("Konrad", "Brandt", "father", "k.brandt@post.example.net", "1951-02-21"),
    ("Mathis", "Brandt", "brother", "mathis@brandt-boats.example", "1987-06-30"),
    ("Camille", "Brandt", "sister-in-law", "camille.brandt@courrier.example", "1989-10-12"),
    ("Nils", "Brandt", "nephew", None, "2019-04-04"),
    ("Gunnar", "Halvorsen", "father-in-law", "gunnar.halvorsen@epost.example", "1949-07-19"),
    ("Liv", "Halvorsen", "mother-in-law", "liv.halvorsen@epost.example", "1952-12-27"),
    ("Tante Hedwig", "Sörensen", "great-aunt", None, "1938-08-15"),
    ("Paul", "Sörensen", "cousin", "paul.soerensen@mail.example.org", "1985-01-23"),
)
