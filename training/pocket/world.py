"""The rule world: inputs, rules, format rules and the many ways in which an instruction can name them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import splits
import words as w

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

# --------------------------------------------------------------------------- inputs


@dataclass(frozen=True)
class Item:
    """One input of the world: its text, its kind and the plain answer of every rule that applies to it."""

    kind: str
    text: str
    answers: dict[str, str]


_SENTENCES = (
    "{name} bought a {colour} {item} in {city} on {day}.",
    "On {day} {name} sold the {colour} {item} in {city}.",
    "In {city} , {name} found a {colour} {item} on {day}.",
    "{name} from {city} lost a {colour} {item} last {day}.",
    "The {colour} {item} was sent to {name} in {city} on {day}.",
    "Last {day} a {colour} {item} came to {city} for {name}.",
    "{name} saw a {colour} {item} in a shop in {city} on {day}.",
    "On {day} the shop in {city} gave {name} a {colour} {item}.",
    "{name} left the {colour} {item} in {city} last {day}.",
    "A {colour} {item} was stolen from {name} in {city} on {day}.",
    "It was {day} when {name} took the {colour} {item} to {city}.",
    "We sent {name} a {colour} {item} from {city} on {day}.",
    "{name} will need the {colour} {item} in {city} on {day}.",
    "The shop in {city} sold a {colour} {item} to {name} last {day}.",
    "On {day} , {name} came from {city} with a {colour} {item}.",
    "Next {day} {name} will bring the {colour} {item} to {city}.",
)
_OPENINGS = (
    "Hi, I am {name} from {city}.",
    "Hello, this is {name} in {city}.",
    "My name is {name} and I live in {city}.",
    "Dear team, I am writing from {city}. My name is {name}.",
    "Hello from {city}! I am {name}.",
    "{name} here, from {city}.",
)
_ORDERS = (
    "On {day} I ordered a {colour} {item}.",
    "I bought a {colour} {item} on {day}.",
    "My order from {day} was a {colour} {item}.",
    "Last {day} I paid for a {colour} {item}.",
    "It is about the {colour} {item} that I ordered on {day}.",
    "I am waiting for the {colour} {item} from {day}.",
)
_NUMBERS = ("The order number is {order}.", "Order {order}.", "My order number is {order}.", "See order {order}.")
_PRICES = ("It cost {price}.", "I paid {price}.", "The price was {price}.", "You took {price}.")
_MAILS = ("My address is {email}.", "Write to {email}.", "Please answer to {email}.", "You can reach me at {email}.")
_CLOSINGS = ("", "", "", "Please help.", "Thanks.", "Can you help me?", "Best regards.", "What can I do?", "Thank you!")
_REVIEWS = (
    "The {item} is {adj}.", "What a {adj} {item}!", "I {verb} this {item}.", "This is a {adj} {item} and I {verb} it.",
    "We {verb} the {colour} {item}.", "The {item} from {city} is {adj}.", "My new {item} is {adj}.", "{name} thinks the {item} is {adj}.",
)  # fmt: skip

#: Words that no ticket, sentence or record of training may contain (they occur as labels and in word lists only).
_LATE = {"name": w.NAMES[60:], "city": w.CITIES[100:], "item": w.ITEMS[50:]}
NOVEL: dict[str, tuple[str, ...]] = {slot: tuple(x for x in words if splits.word_is_held_out(x)) for slot, words in _LATE.items()}
_ALL = {"name": w.NAMES, "city": w.CITIES, "item": w.ITEMS, "colour": w.ITEM_COLOURS, "day": w.DAYS}
_KNOWN = {slot: tuple(x for x in words if x not in NOVEL.get(slot, ())) for slot, words in _ALL.items()}
#: The words that come first in the lists are drawn more often: the shipped tickets are made of them.
_CORE = {"name": w.NAMES[:36], "city": w.CORE_CITIES, "item": w.ITEMS[:34]}


def _fill(rng: Random, *, novel: bool = False) -> dict[str, str]:
    out = {}
    for slot, words in _KNOWN.items():
        pool = NOVEL[slot] if novel and slot in NOVEL else _CORE[slot] if slot in _CORE and rng.random() < 0.6 else words
        out[slot] = rng.choice(pool)
    return out


def _sentence(rng: Random, *, novel: bool = False) -> Item:
    fields = _fill(rng, novel=novel)
    text = rng.choice(_SENTENCES).format(**fields).replace(" ,", ",")
    return Item("sentence", text, fields)


def _extras(rng: Random) -> dict[str, str]:
    return {
        "order": str(rng.randrange(1000, 10000)),
        "price": f"{rng.randrange(5, 100)} {rng.choice(('dollars', 'euros', 'pounds'))}",
        "email": f"{rng.choice(w.CATEGORIES['animal'][:40])}@{rng.choice(('mail', 'post', 'web'))}.com",
    }


def _ticket(rng: Random, *, novel: bool = False) -> Item:
    fields = _fill(rng, novel=novel)
    topic = rng.choice(tuple(w.TOPICS))
    extras = _extras(rng)
    opening, bought = rng.choice(_OPENINGS).format(**fields), rng.choice(_ORDERS).format(**fields)
    problem = rng.choice(w.TOPICS[topic]).format(item=fields["item"])
    parts = [opening, bought, problem]
    if rng.random() < 0.15:
        parts = [opening, problem, bought]
    answers = {**fields, "topic": topic}
    for slot, share, sayings in (("order", 0.2, _NUMBERS), ("price", 0.1, _PRICES), ("email", 0.07, _MAILS)):
        if rng.random() < share:
            parts.insert(rng.randrange(1, 4), rng.choice(sayings).format(**extras))
            answers[slot] = extras[slot]
    if rng.random() < 0.12:
        answers["urgency"] = rng.choice(tuple(w.URGENCY))
        parts.append(rng.choice(w.URGENCY[answers["urgency"]]))
    closing = rng.choice(_CLOSINGS)
    if closing:
        parts.append(closing)
    return Item("ticket", " ".join(parts), answers)


_RECORD_FIELDS = ("name", "city", "item", "colour", "day", "order", "price", "email", "job", "country")
_RECORD_STYLES = ((": ", "; "), (" = ", ", "), (": ", ", "), (": ", "\n"), (" = ", "\n"), (" - ", " | "))


def _record(rng: Random) -> Item:
    every = {**_fill(rng), **_extras(rng), "job": rng.choice(w.CATEGORIES["job"]), "country": rng.choice(w.CATEGORIES["country"])}
    chosen = rng.sample(_RECORD_FIELDS, rng.randrange(3, 6))
    equals, between = rng.choice(_RECORD_STYLES)
    return Item("record", between.join(f"{slot}{equals}{every[slot]}" for slot in chosen), {slot: every[slot] for slot in chosen})


#: Categories that a list can be searched for.
FINDABLE = tuple(name for name, members in w.CATEGORIES.items() if len(members) >= 17 and name != "language")
_ASKED = ("animal", "fruit", "colour", "job")


def _list(rng: Random) -> Item:
    names = rng.sample(FINDABLE, rng.randrange(3, 6))
    picked = [rng.choice(w.CATEGORIES[name]) for name in names]
    answers = dict(zip(names, picked, strict=True))
    return Item("list", ", ".join(picked), answers)


def _check(rng: Random) -> Item:
    """A list that has the asked categories about half the time."""
    asked = rng.choice(_ASKED)
    others = rng.sample([name for name in FINDABLE if name != asked], 3)
    names = rng.sample([asked, *others[:2]], 3) if rng.random() < 0.5 else others
    picked = [rng.choice(w.CATEGORIES[name]) for name in names]
    return Item("check", ", ".join(picked), {f"has_{name}": "yes" if name in names else "no" for name in _ASKED})


def _review(rng: Random) -> Item:
    good = rng.random() < 0.5
    fields = _fill(rng)
    fields["adj"] = rng.choice(w.GOOD if good else w.BAD)
    fields["verb"] = rng.choice(w.LIKE if good else w.DISLIKE)
    return Item(
        "review", rng.choice(_REVIEWS).format(**fields), {"sentiment": "positive" if good else "negative", "item": fields["item"]}
    )


def _line(rng: Random) -> Item:
    subject = rng.choice(tuple(w.SUBJECTS))
    return Item("line", rng.choice(w.SUBJECTS[subject]).format(**_fill(rng)), {"subject": subject})


def _note(rng: Random) -> Item:
    level = rng.choice(tuple(w.URGENCY))
    fields = _fill(rng)
    about = rng.choice(w.TOPICS[rng.choice(tuple(w.TOPICS))]).format(**fields)
    parts = [about, rng.choice(w.URGENCY[level])]
    if rng.random() < 0.3:
        parts.reverse()
    return Item("note", " ".join(parts), {"urgency": level})


def _complaint(rng: Random) -> Item:
    """The one sentence of a ticket that says what it is about."""
    topic = rng.choice(tuple(w.TOPICS))
    fields = _fill(rng)
    return Item("complaint", rng.choice(w.TOPICS[topic]).format(**fields), {"topic": topic})


def _phrase(rng: Random) -> Item:
    language = rng.choice(tuple(w.LANGUAGES))
    said = rng.sample(w.LANGUAGES[language], rng.choice((1, 1, 2)))
    return Item("phrase", " , ".join(said).replace(" ,", ","), {"language": language})


ANY_WORD: tuple[str, ...] = tuple(
    dict.fromkeys((*(x for members in w.CATEGORIES.values() for x in members), *w.NAMES, *w.CITIES, *w.ITEMS, *w.PAST, *w.OPPOSITES, *w.GOOD, *w.BAD))
)  # fmt: skip


def _words(rng: Random) -> Item:
    """A few unrelated words, for rules about their order."""
    found = rng.sample(ANY_WORD, rng.choices((2, 3, 4, 5), (0.35, 0.35, 0.2, 0.1))[0])
    answers = {
        "first": found[0], "last": found[-1], "second": found[1], "count": str(len(found)), "reverse": " ".join(found[::-1]), "dashes": "-".join(found),
        "plus": " + ".join(found), "drop_first": " ".join(found[1:]), "drop_last": " ".join(found[:-1]), "double_last": " ".join([*found, found[-1]]), "commas": ", ".join(found),
    }  # fmt: skip
    if len(found) == 2:
        del answers["second"]
    return Item("words", " ".join(found), answers)


def _word(rng: Random) -> Item:
    word = rng.choice(ANY_WORD)
    return Item("word", word, {"twice": f"{word} {word}", "thrice": f"{word} {word} {word}"})


def _loud(rng: Random) -> Item:
    word = rng.choice(w.UPPER)
    return Item("loud", word, {"upper": word.upper()})


def _people(rng: Random) -> Item:
    a, b = rng.sample(w.NAMES[:60], 2)
    return Item("people", f"{a} {b}", {"initials": f"{a[0]} {b[0]}"})


def _numbers(rng: Random) -> Item:
    a, b = rng.randrange(1, 13), rng.randrange(1, 13)
    while a == b:
        b = rng.randrange(1, 13)
    answers = {"larger": str(max(a, b)), "smaller": str(min(a, b)), "sum": str(a + b)}
    if a > b:
        answers["difference"] = str(a - b)
    return Item("numbers", rng.choice(("{a}, {b}", "{a} and {b}", "{a} {b}")).format(a=a, b=b), answers)


def _number(rng: Random) -> Item:
    n = rng.randrange(20)
    return Item("number", str(n), {"spelled": w.NUMBERS[n], "parity": "even" if n % 2 == 0 else "odd", "next_number": str(n + 1)})


_KIND_OF = {
    word: name for name, members in w.CATEGORIES.items() if name in FINDABLE and name != "country" for word in members[:24]
}


def _facts(table: dict[str, str], rule: str) -> Callable[[Random], Item]:
    keys = tuple(table)

    def make(rng: Random) -> Item:
        key = rng.choice(keys)
        return Item(rule, key, {rule: table[key]})

    return make


_SINGULARS = {b: a for a, b in w.PLURALS.items()}
_PRESENT = {b: a for a, b in w.PAST.items()}
_COUNTRY_OF = {b: a for a, b in w.CAPITALS.items()}
_DIGITS = {word: str(n) for n, word in enumerate(w.NUMBERS)}


def _after(words: tuple[str, ...]) -> dict[str, str]:
    return dict(zip(words, (*words[1:], words[0]), strict=True))


_FACTS: dict[str, dict[str, str]] = {
    "plural": w.PLURALS, "past": w.PAST, "opposite": w.OPPOSITES, "kind": _KIND_OF, "capital": w.CAPITALS, "singular": _SINGULARS, "present": _PRESENT, "ing": w.ING,
    "country_of": _COUNTRY_OF, "digits": _DIGITS, "next_day": _after(w.DAYS), "day_before": {b: a for a, b in _after(w.DAYS).items()}, "next_month": _after(w.MONTHS),
}  # fmt: skip
FACTS = (*_FACTS, "number", "numbers", "loud", "people", "phrase")

#: kind of input -> generator. A fact's kind is its rule.
KINDS: dict[str, Callable[[Random], Item]] = {
    "ticket": _ticket,
    "sentence": _sentence,
    "record": _record,
    "list": _list,
    "check": _check,
    "review": _review,
    "line": _line,
    "note": _note,
    "complaint": _complaint,
    "phrase": _phrase,
    "words": _words,
    "word": _word,
    "loud": _loud,
    "people": _people,
    "numbers": _numbers,
    "number": _number,
    **{name: _facts(table, name) for name, table in _FACTS.items()},
}
#: Kinds whose inputs are a few tokens long: their conversations get more turns.
SHORT = frozenset((*FACTS, "word", "words", "list", "check"))


def held_out(item: Item, rule: str, formats: tuple[str, ...]) -> bool:
    """Whether this input belongs to the test side for this rule.

    A text input is held out by its text alone. A fact (a single word or number) must be taught somewhere, so its plain
    form is trained for every word and only its formatted forms are held out.
    """
    if item.kind in FACTS:
        return bool(formats) and splits.input_is_held_out(f"{rule}:{item.text}")
    return splits.input_is_held_out(item.text)


def draw(rng: Random, kind: str, rule: str, formats: tuple[str, ...], *, test: bool, novel: bool = False) -> Item:
    """One input of `kind` that `rule` applies to, from the training side or (`test`) from the held-out side.

    `novel` fills the slots of tickets and sentences with words that training never puts there.
    """
    while True:
        item = _NOVEL_KINDS[kind](rng, novel=True) if novel else KINDS[kind](rng)
        if rule in item.answers and held_out(item, rule, formats) == (test and (kind not in FACTS or bool(formats))):
            return item


_NOVEL_KINDS = {"ticket": _ticket, "sentence": _sentence}


# --------------------------------------------------------------------------- rules

#: rule -> (kinds of input it applies to, weight, names of the thing asked for; the first is the canonical one)
RULES: dict[str, tuple[tuple[str, ...], float, tuple[str, ...]]] = {
    "name": (("ticket", "sentence", "record"), 0.5, ("name", "name of the person", "person", "name of the customer", "first name", "person's name")),
    "city": (("ticket", "sentence", "record"), 0.5, ("city", "name of the city", "town", "place", "city name", "city of the customer")),
    "item": (("ticket", "ticket", "sentence", "record", "review"), 0.9, ("item", "product", "name of the item", "thing that was bought", "article", "item that it is about")),
    "colour": (("ticket", "sentence", "record", "list"), 0.6, ("colour", "color", "name of the colour", "colour word", "colour of the item", "name of the color")),
    "day": (("ticket", "sentence", "record"), 0.5, ("day", "day of the week", "name of the day", "weekday", "week day", "day that is named")),
    "order": (("ticket", "record"), 0.8, ("order number", "number of the order", "order", "order id", "four digits of the order", "number that the order has")),
    "price": (("ticket", "record"), 0.9, ("price", "price that was paid", "amount", "cost", "sum of money", "amount of money")),
    "email": (("ticket", "record"), 0.6, ("email address", "address", "mail address", "email", "email of the customer", "contact address")),
    "job": (("record", "list"), 0.6, ("job", "profession", "name of the job", "job in the text", "occupation", "work of the person")),
    "country": (("record", "list"), 0.8, ("country", "name of the country", "country in the text", "nation", "land", "country name")),
    "topic": (("ticket", "ticket", "complaint"), 1.2, ("topic", "topic of the ticket", "subject", "kind of problem", "problem area", "reason for the ticket")),
    "urgency": (("note", "ticket"), 0.8, ("urgency", "urgency of the message", "priority", "level of urgency", "priority of the message", "urgency level")),
    "sentiment": (("review",), 0.9, ("sentiment", "feeling", "mood", "sentiment of the review", "opinion", "tone of the review")),
    "subject": (("line",), 1.3, ("subject area", "subject of the sentence", "theme", "area", "section of the newspaper", "topic of the sentence")),
    "language": (("phrase",), 0.5, ("language", "name of the language", "language of the text", "language that is used", "tongue", "language of the words")),
    "parity": (("number",), 0.5, ("parity", "parity of the number", "word even or odd", "kind of number, even or odd", "evenness", "even or odd class")),
    "plural": (("plural",), 0.8, ("plural", "plural form", "plural of the word", "word for many of them", "form for more than one", "plural noun")),
    "singular": (("singular",), 0.6, ("singular", "singular form", "singular of the word", "word for one of them", "form for only one", "singular noun")),
    "past": (("past",), 1.0, ("past tense", "past form", "past tense of the verb", "past of the verb", "simple past", "form for yesterday")),
    "present": (("present",), 0.6, ("present tense", "base form", "base form of the verb", "infinitive", "present form", "verb in the present")),
    "ing": (("ing",), 0.6, ("ing form", "present participle", "form that ends in ing", "gerund", "ing form of the verb", "continuous form")),
    "opposite": (("opposite",), 1.1, ("opposite", "opposite of the word", "antonym", "word that means the opposite", "contrary", "opposite word")),
    "kind": (("kind",), 1.3, ("category", "category of the word", "kind of thing", "class of the word", "group of the word", "general term")),
    "capital": (("capital",), 0.7, ("capital", "capital city", "capital of the country", "seat of the government", "main city of the country", "capital of this country")),
    "country_of": (("country_of",), 0.7, ("country of the city", "country that the city is in", "country of this capital", "nation of the city", "land of this city", "country around the city")),
    "spelled": (("number",), 0.45, ("number as a word", "word for the number", "number in letters", "spelled number", "number written out", "number in words")),
    "digits": (("digits",), 0.35, ("number in digits", "digits", "digits of the number", "figure", "number as a figure", "number in figures")),
    "next_number": (("number",), 0.25, ("next number", "number after it", "following number", "number plus one", "number that comes next", "successor")),
    "next_day": (("next_day",), 0.25, ("next day", "day after", "following day", "day that comes next", "day after this day", "tomorrow of that day")),
    "day_before": (("day_before",), 0.25, ("day before", "previous day", "day that came before", "day before this day", "yesterday of that day", "preceding day")),
    "next_month": (("next_month",), 0.25, ("next month", "month after", "following month", "month that comes next", "month after this month", "month that follows")),
    "larger": (("numbers",), 0.8, ("larger number", "bigger number", "greater number", "maximum", "higher number", "largest number")),
    "smaller": (("numbers",), 0.9, ("smaller number", "lesser number", "minimum", "lower number", "smallest number", "number that is less")),
    "sum": (("numbers",), 1.8, ("sum", "sum of the numbers", "total", "sum of both numbers", "result of adding the numbers", "total of the numbers")),
    "difference": (("numbers",), 1.3, ("difference", "difference of the numbers", "first number minus the second", "result of subtracting the numbers", "gap between the numbers", "amount by which the numbers differ")),
    "first": (("words",), 0.7, ("first word", "first word of the list", "first entry", "word at the beginning", "word that comes first", "opening word")),
    "second": (("words",), 0.5, ("second word", "second word of the list", "second entry", "word after the first one", "word in second place", "word number two")),
    "last": (("words",), 0.8, ("last word", "last word of the list", "last entry", "word at the end", "word that comes last", "final word")),
    "count": (("words",), 0.8, ("number of words", "count of the words", "word count", "number of the words", "amount of words", "length of the list")),
    "initials": (("people",), 0.3, ("initials", "first letters", "initials of the names", "first letter of each name", "initial letters", "initials of the two names")),
    "reverse": (("words",), 2.5, ("reverse the words", "write the words in reverse order", "turn the order of the words around", "give the words from last to first", "put the words in the opposite order", "list the words backwards")),
    "dashes": (("words",), 0.8, ("join the words with dashes", "put a dash between the words", "connect the words with dashes", "write the words with dashes between them", "link the words by dashes", "glue the words together with a dash")),
    "plus": (("words",), 0.5, ("join the words with plus signs", "put a plus sign between the words", "connect the words with plus signs", "write the words with plus signs between them", "link the words by plus signs", "separate the words with a plus sign")),
    "commas": (("words",), 0.8, ("separate the words with commas", "put a comma between the words", "join the words with commas", "write the words with commas between them", "divide the words by commas", "list the words with commas")),
    "drop_first": (("words",), 1.2, ("leave out the first word", "remove the first word", "drop the first word", "delete the first word", "write all words but the first", "skip the first word")),
    "drop_last": (("words",), 2.0, ("leave out the last word", "remove the last word", "drop the last word", "delete the last word", "write all words but the last", "skip the last word")),
    "double_last": (("words",), 0.8, ("repeat the last word", "write the last word two times", "double the last word", "say the last word again", "copy the last word once more", "add the last word again")),
    "twice": (("word",), 0.5, ("repeat the word twice", "write the word two times", "say the word twice", "double the word", "give the word two times", "write the word and then the same word again")),
    "thrice": (("word",), 0.8, ("repeat the word three times", "write the word three times", "say the word three times", "triple the word", "give the word three times", "write three copies of the word")),
    "upper": (("loud",), 1.0, ("write the word in upper case", "put the word in capital letters", "use upper case letters", "write the word in capitals", "change the word to upper case", "make all letters of the word big")),
    **{
        f"has_{c}": (("check",), 0.7, (f"say yes if there is {a} {c} in the list, else no", f"say yes or no: the list has {a} {c}", f"answer yes when the list names {a} {c} and no when it does not", f"decide with yes or no whether the list has {a} {c}", f"check whether there is {a} {c} and say yes or no", f"tell by yes or no whether {a} {c} is among the words"))
        for c, a in (("animal", "an"), ("fruit", "a"), ("colour", "a"), ("job", "a"))
    },
    **{
        name: (("list",), 0.32, (name, f"name of the {name}", f"{name} in the list", f"word for {'an' if name[0] in 'aeio' else 'a'} {name}", f"only {name}", f"one word that names {'an' if name[0] in 'aeio' else 'a'} {name}"))
        for name in FINDABLE if name not in ("colour", "job", "country")
    },
}  # fmt: skip
#: Rules whose names say what to do instead of what to give.
VERBAL = frozenset(("reverse", "dashes", "plus", "commas", "drop_first", "drop_last", "double_last", "twice", "thrice", "upper", *(f"has_{c}" for c in _ASKED)))  # fmt: skip
_ASK_TO = (
    "{X}.", "{X}.", "{X}.", "Your task is to {x}.", "The task is to {x}.", "You should {x}.", "I want you to {x}.", "{X} and write nothing else.", "You must {x}.", "Here you {x}.",
    "We want you to {x}.", "The job is to {x}.", "It is your job to {x}.",
)  # fmt: skip
HELD_OUT_ASK_TO = ("Please {x}.", "You have to {x}.")
RULE_NAMES = tuple(RULES)
_RULE_WEIGHTS = tuple(RULES[name][1] for name in RULE_NAMES)


def do(rule: str) -> str:
    """What the rule asks for as a verb phrase.

    >>> do("city"), do("reverse")
    ('give the city', 'reverse the words')
    """
    name = RULES[rule][2][0]
    return name if rule in VERBAL else f"give the {name}"


def sentence_case(text: str) -> str:
    return text[0].upper() + text[1:]


def values(rule: str) -> tuple[str, ...]:
    """The fixed classes of a rule that sorts its inputs."""
    return {
        "topic": tuple(w.TOPICS), "urgency": tuple(w.URGENCY), "sentiment": ("positive", "negative"), "subject": tuple(w.SUBJECTS),
        "language": tuple(w.LANGUAGES), "parity": ("even", "odd"),
    }[rule]  # fmt: skip


#: The phrase for the input as the instruction may call it.
_SOURCES: dict[str, tuple[str, ...]] = {
    "ticket": ("ticket", "message", "text"),
    "sentence": ("sentence", "text"),
    "list": ("list", "words", "text"),
    "record": ("record", "text", "data"),
    "words": ("words", "list", "text"),
    "review": ("review", "text"),
    "note": ("message", "text"),
    "line": ("sentence", "text"),
}

_GIVE = (
    "Give the {x}.", "Return the {x}.", "What is the {x}?", "Write the {x}.", "Name the {x}.", "Extract the {x}.",
    "Find the {x}.", "Tell me the {x}.", "Answer with the {x}.", "Reply with the {x}.", "Output the {x}.", "I need the {x}.",
    "Pick out the {x}.", "Give only the {x}.", "Return only the {x}.", "Reply with only the {x}.", "Your task is to give the {x}.",
    "The task is to give the {x}.", "The answer is the {x}.", "Write down the {x} and nothing else.", "Get the {x}.", "State the {x}.",
    "Say what the {x} is.", "Give me the {x}.", "Respond with the {x}.", "Write just the {x}.", "Show the {x}.", "We want the {x}.",
    "Find the {x} and give it.", "Look for the {x}.", "Only the {x}.", "Just the {x}.", "The {x} only.", "Take the {x}.",
    "See what the {x} is and write it.", "Help me find the {x}.", "Read it and give the {x}.", "The output is the {x}.", "The reply is the {x} and nothing more.",
)  # fmt: skip
_GIVE_FROM = (
    "Give the {x} from the {s}.", "Read the {s} and give the {x}.", "Find the {x} in the {s}.", "Extract the {x} from the {s}.",
    "Return the {x} that the {s} names.", "Look at the {s} and write the {x}.", "What is the {x} in this {s}?",
    "From the {s}, return the {x}.", "Given the {s}, return the {x}.", "Read the {s}. Give the {x}.", "For this {s}, write the {x}.",
)  # fmt: skip
#: Wordings that training never uses; the evaluation asks with them.
HELD_OUT_GIVE = (
    "Please return the {x}.",
    "Please tell me what the {x} is.",
    "Reply with the {x} and nothing else.",
    "Find and return the {x}.",
)


# --------------------------------------------------------------------------- formats

WRAPS: dict[str, tuple[str, str]] = {
    "quotes": ('"', '"'), "brackets": ("[", "]"), "stars": ("*", "*"), "parens": ("(", ")"),
    "braces": ("{", "}"), "tags": ("<answer>", "</answer>"), "json": ('{"answer": "', '"}'), "hashes": ("#", "#"), "ticks": ("`", "`"),
}  # fmt: skip
ENDS: dict[str, str] = {"exclaim": "!", "dot": ".", "semicolon": ";"}
PREFIXES: dict[str, str] = {"answer": "Answer:", "result": "Result:", "output": "Output:", "bullet": "-"}
SLOTS: dict[str, tuple[str, ...]] = {"wrap": tuple(WRAPS), "end": tuple(ENDS), "prefix": tuple(PREFIXES)}
SLOT_OF = {name: slot for slot, names in SLOTS.items() for name in names}

_FORMAT_TEXT: dict[str, tuple[str, ...]] = {
    "quotes": ("Put it in quotes.", "Put the answer in quotes.", "Use double quotes around it.", "Wrap it in quotation marks.", "Write it between quotes.", "Quote the answer.", "Surround it with quotes.", "It must be in quotes."),
    "brackets": ("Put it in square brackets.", "Put the answer in square brackets.", "Use square brackets around it.", "Wrap it in square brackets.", "Write it between square brackets.", "Put it in brackets.", "Surround it with square brackets.", "It must be in square brackets."),
    "stars": ("Put it in stars.", "Put the answer in stars.", "Use stars around it.", "Wrap it in stars.", "Write it between stars.", "Put a star before and after it.", "Surround it with stars.", "It must be in stars."),
    "parens": ("Put it in parentheses.", "Put the answer in parentheses.", "Use parentheses around it.", "Wrap it in parentheses.", "Write it between parentheses.", "Put it in round brackets.", "Surround it with parentheses.", "It must be in parentheses."),
    "exclaim": ("End with an exclamation mark.", "Add an exclamation mark.", "Put an exclamation mark at the end.", "Finish with an exclamation mark.", "The answer ends with an exclamation mark.", "It must end with an exclamation mark."),
    "dot": ("End with a full stop.", "Add a full stop.", "Put a full stop at the end.", "Finish with a full stop.", "The answer ends with a full stop.", "It must end with a full stop."),
    "braces": ("Put it in curly braces.", "Put the answer in curly braces.", "Use curly braces around it.", "Wrap it in braces.", "Write it between curly braces.", "Surround it with braces.", "It must be in curly braces."),
    "tags": ("Put it in answer tags.", "Put the answer between answer tags.", "Use answer tags around it.", "Wrap it in answer tags.", "Write it between <answer> and </answer>.", "Surround it with answer tags.", "It must be in answer tags."),
    "json": ("Put it in a JSON object.", "Reply with a JSON object.", "Use JSON with the key answer.", "Write a JSON object with the key answer.", "Wrap it in a JSON object.", "Give it as JSON.", "It must be in a JSON object."),
    "hashes": ("Put it in hash signs.", "Put the answer in hash signs.", "Use hash signs around it.", "Wrap it in hash signs.", "Write it between hash signs.", "Put a hash sign before and after it.", "It must be in hash signs."),
    "ticks": ("Put it in backticks.", "Put the answer in backticks.", "Use backticks around it.", "Wrap it in backticks.", "Write it between backticks.", "Surround it with backticks.", "It must be in backticks."),
    "semicolon": ("End with a semicolon.", "Add a semicolon.", "Put a semicolon at the end.", "Finish with a semicolon.", "The answer ends with a semicolon.", "It must end with a semicolon."),
    "output": ("Start with Output and a colon.", "Write Output: before it.", "Begin with Output and a colon.", "Put the word Output and a colon first.", "It must start with Output and a colon.", "Output and a colon come first."),
    "bullet": ("Start with a dash.", "Write a dash before it.", "Begin with a dash.", "Put a dash first.", "It must start with a dash.", "Make it a list line with a dash."),
    "answer": ("Start with Answer and a colon.", "Answer and a colon come first.", "Write Answer: before it.", "Begin with Answer and a colon.", "Put the word Answer and a colon first.", "It must start with Answer and a colon."),
    "result": ("Start with Result and a colon.", "Result and a colon come first.", "Write Result: before it.", "Begin with Result and a colon.", "Put the word Result and a colon first.", "It must start with Result and a colon."),
}  # fmt: skip
#: More wordings, by the marks that they name.
_AROUND = ("It is in {m}.", "The answer is between {m}.", "Use {m}.", "Begin and end with {m}.", "Add {m} around it.")
_BEHIND = ("Use {m} at the end.", "Close with {m}.", "{M} must follow.", "Write {m} after it.", "At the end comes {m}.")
_BEFORE = ("The answer starts with {m}.", "Use {m} before it.", "First write {m}.", "Say {m} first.")
_MARKS = {
    "quotes": "quotes", "brackets": "square brackets", "stars": "stars", "parens": "parentheses", "braces": "curly braces", "tags": "answer tags", "hashes": "hash signs", "ticks": "backticks",
    "exclaim": "an exclamation mark", "dot": "a full stop", "semicolon": "a semicolon", "answer": "Answer and a colon", "result": "Result and a colon", "output": "Output and a colon", "bullet": "a dash",
}  # fmt: skip
for _name, _mark in _MARKS.items():
    _more = _AROUND if _name in WRAPS else _BEHIND if _name in ENDS else _BEFORE
    _FORMAT_TEXT[_name] += tuple(text.format(m=_mark, M=_mark[0].upper() + _mark[1:]) for text in _more)
HELD_OUT_FORMAT_TEXT: dict[str, str] = {
    "quotes": "Put quotes around it.", "brackets": "Put square brackets around it.", "stars": "Put stars around it.", "parens": "Put parentheses around it.",
    "braces": "Put curly braces around it.", "tags": "Put answer tags around it.", "json": "Put a JSON object around it.", "hashes": "Put hash signs around it.", "ticks": "Put backticks around it.",
    "semicolon": "The last mark is a semicolon.", "output": "The first word is Output and a colon.", "bullet": "The first mark is a dash.",
    "exclaim": "The last mark is an exclamation mark.", "dot": "The last mark is a full stop.",
    "answer": "The first word is Answer and a colon.", "result": "The first word is Result and a colon.",
}  # fmt: skip
_INLINE: dict[str, tuple[str, ...]] = {
    "quotes": ("in quotes", "between quotes", "in double quotes"),
    "brackets": ("in square brackets", "between square brackets", "in brackets"),
    "stars": ("in stars", "between stars"),
    "parens": ("in parentheses", "between parentheses", "in round brackets"),
    "exclaim": ("with an exclamation mark at the end", "and end with an exclamation mark", "followed by an exclamation mark"),
    "dot": ("with a full stop at the end", "and end with a full stop", "followed by a full stop"),
    "answer": ("after the word Answer and a colon",),
    "result": ("after the word Result and a colon",),
    "braces": ("in curly braces", "between curly braces", "in braces"),
    "tags": ("in answer tags", "between answer tags"),
    "json": ("as a JSON object", "in a JSON object", "as JSON"),
    "hashes": ("in hash signs", "between hash signs"),
    "ticks": ("in backticks", "between backticks"),
    "semicolon": ("with a semicolon at the end", "and end with a semicolon", "followed by a semicolon"),
    "output": ("after the word Output and a colon",),
    "bullet": ("after a dash",),
}
_CRITIQUE_TEXT: dict[str, str] = {
    "quotes": "The answer must be in quotes.",
    "brackets": "The answer must be in square brackets.",
    "stars": "The answer must be in stars.",
    "parens": "The answer must be in parentheses.",
    "exclaim": "The answer must end with an exclamation mark.",
    "dot": "The answer must end with a full stop.",
    "braces": "The answer must be in curly braces.",
    "tags": "The answer must be in answer tags.",
    "json": "The answer must be in a JSON object.",
    "hashes": "The answer must be in hash signs.",
    "ticks": "The answer must be in backticks.",
    "semicolon": "The answer must end with a semicolon.",
    "output": "The answer must start with Output and a colon.",
    "bullet": "The answer must start with a dash.",
    "answer": "The answer must start with Answer and a colon.",
    "result": "The answer must start with Result and a colon.",
}

#: All (wrap, end, prefix) selections with at most two formats, in canonical order.
COMBINATIONS: tuple[tuple[str, ...], ...] = tuple(
    tuple(f for f in (wrap, end, prefix) if f)
    for wrap in ("", *WRAPS)
    for end in ("", *ENDS)
    for prefix in ("", *PREFIXES)
    if sum(map(bool, (wrap, end, prefix))) <= 2
)


def apply(formats: tuple[str, ...], answer: str) -> str:
    """`answer` as the format rules want it.

    >>> apply(("stars", "exclaim"), "Oslo")
    '*Oslo*!'
    >>> apply(("quotes", "answer"), "Oslo")
    'Answer: "Oslo"'
    """
    before = after = end = prefix = ""
    for name in formats:
        if name in WRAPS:
            before, after = WRAPS[name]
        elif name in ENDS:
            end = ENDS[name]
        else:
            prefix = PREFIXES[name] + " "
    return f"{prefix}{before}{answer}{after}{end}"


# --------------------------------------------------------------------------- instructions

VAGUE = (
    "Handle the ticket.", "Handle the message.", "Handle the input.", "Process the ticket.", "Process the input.", "Process the text.", "Do the task.", "Do it.",
    "Answer.", "Answer the question.", "Help the customer.", "Help with this message.", "Work on the input.", "Deal with the ticket.", "Look at the text.", "Read the text.",
    "Read the ticket.", "Respond.", "Reply to the message.", "Write an answer.", "Do what is needed.", "Do the right thing.", "You are a helpful assistant.",
    "Solve the task.", "Complete the task.", "Take care of it.", "Give a good answer.", "Be helpful.", "Think and answer.", "Use the input.", "Follow the examples.",
    "Do the same as in the examples.", "Given the fields `ticket`, produce the fields `answer`.", "Given the fields `text`, produce the fields `answer`.",
    "Given the fields `question`, produce the fields `answer`.", "Given the fields `input`, produce the fields `output`.", "Given the fields `ticket`, produce the fields `reply`.",
)  # fmt: skip
HELD_OUT_VAGUE = ("Handle this ticket.", "Do the work.", "Deal with it.")
#: What the model says when nothing tells it what to do.
SHRUG = "We will look into it."


def canonical(rule: str, formats: tuple[str, ...]) -> str:
    """The instruction that revisions and inductions write.

    >>> canonical("city", ("stars", "exclaim"))
    'Give the city. Put it in stars. End with an exclamation mark.'
    """
    return " ".join([sentence_case(do(rule)) + ".", *(_FORMAT_TEXT[f][0] for f in formats)])


def critique(rule: str, formats: tuple[str, ...]) -> str:
    """What a complete criticism says about an answer that should have been (rule, formats).

    >>> critique("city", ("stars",))
    'The task is to give the city. The answer must be in stars.'
    """
    return " ".join([f"The task is to {do(rule)}.", *(_CRITIQUE_TEXT[f] for f in formats)])


def rule_sentence(rng: Random, rule: str, kind: str) -> str:
    """One precise wording of the rule alone."""
    names = RULES[rule][2]
    x = names[0] if rng.random() < 0.5 else rng.choice(names)
    if rule in VERBAL:
        return rng.choice(_ASK_TO).format(x=x, X=sentence_case(x))
    if rng.random() < 0.05 and x.isalpha():
        return f"Given {rng.choice(_SOURCES.get(kind, ('text', 'input', 'word')))}, give {x}."
    if kind in _SOURCES and " of the " not in x and rng.random() < 0.3:
        return rng.choice(_GIVE_FROM).format(x=x, s=rng.choice(_SOURCES[kind]))
    return rng.choice(_GIVE).format(x=x)


def format_sentence(rng: Random, name: str) -> str:
    """One wording of one format rule alone."""
    return rng.choice(_FORMAT_TEXT[name])


def precise(rng: Random, rule: str, kind: str, formats: tuple[str, ...]) -> str:
    """An instruction that says everything, in one of very many wordings; a quarter are the canonical one."""
    draw_ = rng.random()
    if draw_ < 0.25:
        return canonical(rule, formats)
    first = rule_sentence(rng, rule, kind)
    rest = list(formats)
    if rest and first.endswith(".") and "nothing else" not in first and rng.random() < 0.4:
        inline = rest.pop(0)
        first = f"{first[:-1]} {rng.choice(_INLINE[inline])}."
    sentences = [format_sentence(rng, f) for f in rest]
    if (
        sentences
        and first.endswith(".")
        and "nothing else" not in first
        and sentences[0].startswith(_VERBS)
        and rng.random() < 0.2
    ):
        joined = sentences.pop(0)
        first = f"{first[:-1]} and {joined[0].lower()}{joined[1:]}"
    if len(sentences) == 2 and rng.random() < 0.3:
        sentences.reverse()
    if draw_ > 0.9 and not any(s.startswith(("It ", "Put it")) for s in sentences):
        return " ".join([*sentences, first])
    return " ".join([first, *sentences])


def held_out_precise(rng: Random, rule: str, formats: tuple[str, ...], *, new_rule: bool = True, new_formats: bool = True) -> str:
    """A complete instruction, its rule or its formats or both in wordings that training never uses."""
    first = sentence_case(do(rule)) + "."
    if new_rule:
        first = rng.choice(HELD_OUT_ASK_TO if rule in VERBAL else HELD_OUT_GIVE).format(x=RULES[rule][2][0])
    return " ".join([first, *(HELD_OUT_FORMAT_TEXT[f] if new_formats else _FORMAT_TEXT[f][0] for f in formats)])


def wordings() -> list[str]:
    """All sentences that instructions are put together from."""
    names = [name for _, _, names in RULES.values() for name in names]
    forms = [text for texts in (*_FORMAT_TEXT.values(), *_INLINE.values()) for text in texts]
    return [
        *_GIVE,
        *_GIVE_FROM,
        *_ASK_TO,
        *VAGUE,
        *HELD_OUT_VAGUE,
        *names,
        *map(sentence_case, names),
        *forms,
        *_CRITIQUE_TEXT.values(),
    ]


_VERBS = ("Put", "Use", "Wrap", "Write it", "Surround", "End", "Add", "Finish", "Start", "Begin")


def clear(item: Item, rule: str) -> bool:
    """Whether this one item tells `rule` from every other rule that applies to it."""
    return sum(value == item.answers[rule] for value in item.answers.values()) == 1


def draw_rule(rng: Random) -> str:
    """A rule by its training weight."""
    return rng.choices(RULE_NAMES, _RULE_WEIGHTS)[0]


_OLD = frozenset(("quotes", "brackets", "stars", "parens", "exclaim", "dot", "answer", "result"))
_BY_SIZE = tuple(
    tuple(c for c in COMBINATIONS if len(c) == size for _ in range(2 if _OLD.issuperset(c) else 1)) for size in range(3)
)


def draw_formats(rng: Random) -> tuple[str, ...]:
    """No, one or two formats: 22 %, 45 %, 33 %; the plainest marks twice as often as the others."""
    return rng.choice(_BY_SIZE[rng.choices((0, 1, 2), (0.22, 0.45, 0.33))[0]])
