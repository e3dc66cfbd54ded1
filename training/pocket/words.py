"""The words of the pocket world: every list that inputs, answers and labels are drawn from."""

from __future__ import annotations


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split())


CATEGORIES: dict[str, tuple[str, ...]] = {
    "animal": _split("tiger horse rabbit monkey elephant goat sheep camel wolf bear eagle duck frog snake mouse lion donkey whale"),
    "fruit": _split("apple banana cherry grape lemon mango melon peach pear plum orange apricot coconut papaya"),
    "vegetable": _split("carrot onion potato tomato pepper cabbage spinach cucumber pumpkin radish celery leek bean turnip"),
    "colour": _split("red blue green yellow black white brown pink purple grey silver violet"),
    "job": _split("doctor teacher farmer nurse pilot baker lawyer painter singer dentist plumber butcher tailor judge chemist waiter"),
    "sport": _split("football tennis hockey golf boxing rugby cricket swimming cycling skiing judo rowing basketball volleyball"),
    "vehicle": _split("car bus train truck boat plane tram van ferry scooter tractor helicopter taxi canoe"),
    "tool": _split("hammer drill saw wrench shovel ladder axe rake chisel pliers screwdriver broom brush spade"),
    "drink": _split("water coffee tea milk juice wine beer lemonade cocoa cider soda rum"),
    "garment": _split("shirt coat hat scarf dress skirt glove sock jacket sweater shoe boot belt vest"),
    "instrument": _split("piano guitar violin drum flute trumpet harp cello organ banjo clarinet tuba"),
    "metal": _split("iron gold copper tin zinc lead nickel steel brass bronze"),
    "country": _split("Norway France Spain Italy Japan Egypt Kenya Peru Chile Cuba Greece Poland Austria Portugal Sweden Finland Hungary Denmark Ireland Qatar"),
}  # fmt: skip

CAPITALS: dict[str, str] = dict(
    zip(
        CATEGORIES["country"],
        _split("Oslo Paris Madrid Rome Tokyo Cairo Nairobi Lima Santiago Havana Athens Warsaw Vienna Lisbon Stockholm Helsinki Budapest Copenhagen Dublin Doha"),
        strict=True,
    )
)  # fmt: skip

CITIES: tuple[str, ...] = (
    *CAPITALS.values(),
    *_split("London Berlin Boston Chicago Dallas Denver Geneva Hamburg Munich Milan Naples Prague Porto Seattle Toronto Zurich"),
)  # fmt: skip

NAMES: tuple[str, ...] = _split(
    "Anna Ben Carla David Emma Felix Grace Henry Irene Jack Karen Leo Maria Nina Oscar Paula Quinn Robert Sara Thomas "
    "Ursula Victor Wendy Xavier Yara Zoe Alice Bruno Clara Daniel Elena Frank Greta Hugo Ida Jonas"
)
ITEMS: tuple[str, ...] = _split(
    "lamp kettle toaster laptop camera phone tablet printer speaker radio clock watch mirror blanket pillow backpack "
    "umbrella wallet bottle mug fan heater keyboard monitor router headset charger carpet desk sofa shelf chair table vase"
)
DAYS: tuple[str, ...] = _split("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
ITEM_COLOURS: tuple[str, ...] = CATEGORIES["colour"]

_PLURALS = (
    "cat cats dog dogs tiger tigers horse horses rabbit rabbits monkey monkeys goat goats camel camels bear bears eagle eagles "
    "duck ducks frog frogs snake snakes lion lions apple apples banana bananas grape grapes lemon lemons melon melons car cars "
    "train trains truck trucks boat boats hammer hammers drill drills shirt shirts coat coats hat hats shoe shoes lamp lamps "
    "camera cameras phone phones clock clocks chair chairs table tables doctor doctors teacher teachers farmer farmers pilot pilots "
    "baker bakers bus buses box boxes dress dresses brush brushes watch watches fox foxes glass glasses city cities baby babies "
    "story stories party parties lady ladies cherry cherries child children man men woman women mouse mice foot feet tooth teeth "
    "goose geese wolf wolves knife knives leaf leaves wife wives shelf shelves"
)  # fmt: skip
_PAST = (
    "walk walked talk talked play played jump jumped open opened close closed start started help helped ask asked call called "
    "cook cooked clean cleaned paint painted push pushed pull pulled listen listened wait waited visit visited order ordered "
    "go went see saw eat ate give gave take took come came run ran sing sang swim swam write wrote drive drove speak spoke "
    "break broke buy bought bring brought think thought teach taught catch caught find found fly flew grow grew know knew "
    "sleep slept keep kept leave left make made sell sold tell told win won begin began drink drank build built send sent"
)  # fmt: skip
_OPPOSITES = (
    "hot cold big small fast slow high low old new rich poor full empty light dark hard soft wet dry long short good bad "
    "happy sad early late near far clean dirty cheap expensive strong weak thick thin wide narrow true false loud quiet "
    "safe dangerous easy difficult sweet sour deep shallow heavy weightless up down left right day night love hate "
    "begin end buy sell push pull win lose young aged north south east west summer winter"
)  # fmt: skip


def _pairs(text: str) -> dict[str, str]:
    words = text.split()
    return dict(zip(words[::2], words[1::2], strict=True))


PLURALS = _pairs(_PLURALS)
PAST = _pairs(_PAST)
OPPOSITES: dict[str, str] = {}
for _a, _b in _pairs(_OPPOSITES).items():
    OPPOSITES.setdefault(_a, _b)
    OPPOSITES.setdefault(_b, _a)

TOPICS: dict[str, tuple[str, ...]] = {
    "delivery": (
        "The parcel is still not here.", "My {item} has not arrived.", "The package is late.", "When will the {item} be delivered?",
        "The courier never came.", "The tracking page shows no progress.",
    ),
    "billing": (
        "I was charged twice for the {item}.", "The invoice is wrong.", "You took too much money from my card.",
        "Why is the bill so high?", "The price on the invoice is wrong.", "My payment was taken two times.",
    ),
    "damage": (
        "The {item} arrived broken.", "The {item} has a deep scratch.", "The {item} is cracked.", "The glass of the {item} is broken.",
        "The {item} came in pieces.", "There is a hole in the {item}.",
    ),
    "account": (
        "I cannot log in.", "I forgot my password.", "My account is locked.", "Please change my email address.",
        "The login page shows an error.", "I want to close my account.",
    ),
    "refund": (
        "I want my money back.", "Please refund the {item}.", "I sent the {item} back and got no money.", "I would like a refund.",
        "When do I get the refund for the {item}?", "Please pay back the full amount.",
    ),
    "stock": (
        "Is the {item} available?", "When will the {item} be in stock again?", "The {item} is sold out.", "Do you have more of the {item}?",
        "How many of the {item} are left?", "The shop says the {item} is out of stock.",
    ),
}  # fmt: skip

GOOD = _split("wonderful great excellent lovely perfect fantastic superb brilliant nice amazing")
BAD = _split("terrible awful horrible useless ugly disappointing poor dreadful nasty broken")
LIKE = _split("love like enjoy adore recommend")
DISLIKE = _split("hate dislike regret despise avoid")

#: Words that prompts of the package use; they get a token each so that its own prompts are never spelled by bytes.
COMMON: tuple[str, ...] = _split(
    "a an the this that these those it its is are was were be been being do does did done has have had will would can could should must may might "
    "of to in on at by for from with without into onto over under between about after before as if then than when where which who whom whose what why how "
    "and or not no nor but so because only just also very too more most less least much many few some any each every all both either neither other another same "
    "one two three four five six seven eight nine ten first second third last next previous "
    "I you he she we they me him her us them my your his our their mine yours "
    "answer answers question questions input inputs output outputs instruction instructions example examples feedback expected reasoning task tasks text word words "
    "list lists sentence sentences message messages ticket tickets request reply response field fields form format label labels class value values name names line lines "
    "write rewrite give return say says said use using read reads find follow follows improve improved improving change changes changed keep kept explain think produce "
    "given show shows state states tell need needs want wants make makes made get gets put let come comes see sees know knows look looks take takes try ask asks "
    "step steps exactly short brief clear correct wrong right better best good bad new old current currently several whole part parts way ways thing things "
    "people person customer model language program prompt result results score error errors mistake mistakes reason reasons wording author criticism critic critique "
    "editor careful carefully concise general specific rule rules times time number numbers once often least most majority believe repeated conflict agree noise noisy ignore "
    "nothing else own once per above below here there now still already again never always "
    "plain text lower upper case start starts end ends ending starting begin between around inside quotes quote brackets bracket stars star mark marks point stop full colon "
    "exclamation parentheses double square round wrap place surround add finish close open fields produce helpful assistant "
    "please help thank thanks hello hi dear regards sorry sure okay yes"
)
