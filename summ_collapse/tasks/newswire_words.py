"""The vocabulary and the event kinds of the built-in corpus `newswire`.

Every entity list and the list of kinds is in order of frequency: row 1 of a list is drawn most, the last ones
seldom (Zipf), so that a small slice of the corpus does not cover the tail.
"""

from dataclasses import dataclass


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


PEOPLE = _words(
    """
    Abbott Barros Castillo Dimitrov Eriksen Fischer Goldberg Haddad Ivanova Jansen Kowalski Lindgren Moreau Nakamura
    Okafor Petrov Quintero Rossi Silva Tanaka Ueda Vargas Weber Xiang Yilmaz Zimmer Alvarez Bianchi Cohen Duarte Engel
    Ferreira Gruber Hansen Iqbal Jovanovic Kaplan Larsen Mendes Novak
    """
)
COMPANIES = _words(
    """
    Arkona Belmar Corvia Delmont Everon Fairlane Gravion Helix Inverta Jadestone Kestrel Lumina Mondara Nexor Orbita
    Pellum Quantis Rivora Solstice Tervia Umbrix Vantor Westmark Xylo Yarrow Zenith Altura Bravada Cindral Dorado
    """
)
# Each place stands with the country that a summary names in its stead.
COUNTRIES = {
    "France": ("Paris", "Lyon", "Nantes"),
    "Japan": ("Tokyo", "Osaka", "Nagoya"),
    "Brazil": ("Recife", "Santos", "Manaus"),
    "Kenya": ("Nairobi", "Mombasa", "Kisumu"),
    "Canada": ("Toronto", "Calgary", "Halifax"),
    "Italy": ("Milan", "Turin", "Naples"),
    "India": ("Mumbai", "Pune", "Chennai"),
    "Norway": ("Oslo", "Bergen", "Tromso"),
    "Chile": ("Santiago", "Iquique", "Temuco"),
    "Egypt": ("Cairo", "Luxor", "Aswan"),
    "Turkey": ("Ankara", "Izmir", "Bursa"),
    "Peru": ("Lima", "Cusco", "Arequipa"),
}
PLACES = tuple(city for rank in range(3) for city in (cities[rank] for cities in COUNTRIES.values()))
COUNTRY_OF = {city: country for country, cities in COUNTRIES.items() for city in cities}
# How a document names a trade, and the plainer word that its summary uses.
TRADES = {
    "lender": "bank",
    "carrier": "airline",
    "retailer": "shop",
    "automaker": "car",
    "brewer": "beer",
    "publisher": "book",
    "drugmaker": "drug",
    "chipmaker": "computer",
    "steelmaker": "metal",
    "insurer": "insurance",
    "shipper": "freight",
    "developer": "property",
}
NUMBERS = tuple(str(number) for number in range(2, 62))


@dataclass(frozen=True)
class Kind:
    """One kind of event: how documents tell it, and the one way in which a summary does."""

    name: str
    phrasings: tuple[str, ...]
    summary: str


# Slots: {a} {b} companies, {p} {q} people, {c} a place and {country} its country, {t} a trade and {trade} its plain
# word, {n} a number. Sentences are written as tokens, blanks between them. A block a kind: its name, the ways
# to tell it, and last the summary.
TOLD = """\
deal
{a} agreed to buy the {t} {b} for {n} million dollars .
the {t} {b} will be taken over by {a} for {n} million dollars .
after months of talks {b} , a {t} , accepted {n} million dollars from {a} .
{a} buys {trade} company {b} for {n} million

profit
the {t} {a} said its profit grew by {n} percent .
profit at {a} , the {t} , was {n} percent higher than a year ago .
a rise of {n} percent in profit was reported by the {t} {a} .
{trade} company {a} profit jumps {n} percent

hire
{a} named {p} as its new chief in {c} .
{p} will lead {a} from its head office in {c} .
the board of {a} chose {p} to run the firm in {c} .
{p} becomes boss of {a} in {country}

layoffs
{a} will cut {n} hundred jobs at its plant in {c} .
{n} hundred workers in {c} will lose their posts at {a} .
staff of {a} in {c} were told that {n} hundred posts will go .
{a} lays off {n} hundred in {country}

storm
a storm hit {c} and left {n} thousand homes without power .
{n} thousand homes in {c} lost power when a storm came ashore .
strong winds over {c} cut off electricity to {n} thousand homes .
storm darkens {n} thousand homes in {country}

verdict
a court in {c} found {p} guilty of stealing from {a} .
{p} was convicted in {c} of taking money from {a} .
judges in {c} ruled that {p} had robbed {a} .
{country} court convicts {p} over {a} theft

match
{p} beat {q} in the final in {c} after {n} minutes .
{q} lost to {p} in {c} in a final of {n} minutes .
it took {p} {n} minutes to win the {c} final against {q} .
{p} defeats {q} in {country} final

launch
the {t} {a} opened its first store in {c} , said {p} .
{p} of the {t} {a} welcomed the first buyers in {c} .
in {c} the {t} {a} began to sell , {p} announced .
{p} takes {trade} company {a} to {country}

strike
workers of the {t} {a} in {c} walked out for {n} days .
a walkout of {n} days began at the {t} {a} in {c} .
for {n} days nobody will work at the {t} {a} in {c} .
{n} day strike at {trade} company {a} in {country}

quits
{p} stepped down at {a} and {q} takes over .
{q} follows {p} , who has left {a} .
the place of {p} at {a} goes to {q} .
{q} replaces {p} at {a}

loan
{a} lent {n} million dollars to {b} , a {t} in {c} .
{b} , a {t} from {c} , borrowed {n} million dollars from {a} .
a credit of {n} million dollars went from {a} to the {c} {t} {b} .
{a} gives {country} {trade} company {b} {n} million

delay
the bridge that {a} builds in {c} will be {n} months late .
{a} needs {n} more months for its bridge in {c} .
not before {n} months will {c} get its bridge from {a} .
{a} bridge in {country} delayed {n} months"""
KINDS = tuple(Kind(name, tuple(phrasings), summary) for name, *phrasings, summary in map(str.splitlines, TOLD.split("\n\n")))

# Sentences that carry entities of the same types as the event's, and nothing that a summary mentions.
DISTRACTORS = (
    "{p} of {a} declined to comment .",
    "a spokesman in {c} gave no details .",
    "shares of {a} were flat on the day .",
    "{p} had visited {c} last week .",
    "analysts at {a} expect {n} more of this .",
    "the weather in {c} stayed mild .",
    "{p} and {q} met for {n} hours .",
    "neither {a} nor {b} was available .",
    "a {t} in {c} made no statement .",
    "the news reached {p} in {c} .",
)
