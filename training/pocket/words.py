"""The words of the pocket world: every list that inputs, answers and labels are drawn from."""

from __future__ import annotations


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_CATEGORY_TEXT: dict[str, str] = {
    "animal": "tiger horse rabbit monkey elephant goat sheep camel wolf bear duck frog snake mouse lion donkey whale cat dog cow pig fox deer giraffe zebra leopard panda kangaroo koala hamster squirrel beaver otter badger hedgehog bat rat weasel moose bison buffalo llama cheetah hyena jackal gorilla chimpanzee lemur sloth raccoon skunk turtle tortoise lizard crocodile toad mole hare pony calf lamb puppy kitten",
    "fruit": "apple banana cherry grape lemon mango melon peach pear plum orange apricot coconut papaya lime kiwi fig pineapple strawberry raspberry blueberry blackberry grapefruit guava nectarine tangerine quince date currant cranberry pomegranate",
    "vegetable": "carrot onion potato tomato pepper cabbage spinach cucumber pumpkin radish celery leek bean turnip lettuce broccoli cauliflower pea garlic asparagus aubergine zucchini beetroot parsnip artichoke kale lentil squash",
    "colour": "red blue green yellow black white brown pink purple grey silver violet beige turquoise maroon navy crimson scarlet magenta cyan teal lilac",
    "job": "doctor teacher farmer nurse pilot baker lawyer painter singer dentist plumber butcher tailor judge chemist waiter engineer carpenter electrician mechanic gardener barber librarian journalist actor dancer sailor soldier cook cashier clerk editor banker architect surgeon astronaut fisherman hunter miner shepherd translator accountant secretary postman firefighter policeman scientist programmer poet author photographer musician",
    "sport": "football tennis hockey golf boxing rugby cricket swimming cycling skiing judo rowing basketball volleyball baseball badminton handball wrestling fencing archery surfing sailing karate skating climbing gymnastics snooker bowling squash polo curling marathon",
    "vehicle": "car bus train truck boat plane tram van ferry scooter tractor helicopter taxi canoe bicycle motorcycle ship yacht submarine rocket lorry wagon sledge raft kayak glider balloon ambulance limousine trolley carriage",
    "tool": "hammer drill saw wrench shovel ladder axe rake chisel pliers screwdriver broom brush spade hoe file clamp crowbar mallet tweezers scissors trowel wheelbarrow sickle pickaxe lathe vise",
    "drink": "water coffee tea milk juice wine beer lemonade cocoa cider soda rum whisky vodka gin champagne espresso cola punch smoothie brandy syrup",
    "garment": "shirt coat hat scarf dress skirt glove sock jacket sweater shoe boot belt vest trousers jeans blouse suit tie cap sandal slipper apron hoodie cardigan pyjamas shorts tights robe cape uniform",
    "instrument": "piano guitar violin drum flute trumpet harp cello organ banjo clarinet tuba saxophone accordion oboe bassoon trombone mandolin xylophone harmonica lute viola tambourine ukulele bagpipe",
    "metal": "iron gold copper tin zinc lead nickel steel brass bronze aluminium platinum titanium mercury chrome cobalt tungsten magnesium uranium",
    "bird": "eagle sparrow pigeon crow owl hawk swan goose chicken turkey parrot penguin ostrich peacock robin raven seagull stork pelican falcon vulture flamingo woodpecker swallow magpie pheasant canary heron cuckoo finch",
    "fish": "salmon trout tuna cod herring carp shark pike eel sardine mackerel haddock perch halibut anchovy sturgeon catfish flounder",
    "insect": "ant bee wasp fly mosquito beetle butterfly moth grasshopper dragonfly ladybird flea louse termite cockroach hornet locust",
    "tree": "oak pine birch maple willow beech elm ash cedar spruce poplar fir chestnut hazel linden larch cypress redwood yew alder",
    "flower": "rose tulip lily daisy sunflower orchid daffodil poppy carnation lavender jasmine iris marigold dahlia primrose snowdrop crocus pansy",
    "body": "head arm leg hand foot nose ear eye mouth tooth neck knee elbow shoulder finger thumb toe chin hip wrist ankle chest stomach tongue lip cheek forehead heel lung liver kidney brain bone muscle skin",
    "family": "mother father sister brother uncle aunt cousin nephew niece grandmother grandfather daughter son husband wife twin grandson granddaughter stepmother",
    "room": "kitchen bathroom bedroom cellar attic garage hallway balcony pantry nursery lounge corridor basement lobby closet study terrace",
    "building": "school hospital church castle museum library theatre factory hotel prison bank palace tower barn temple mosque stadium airport station restaurant cinema bakery pharmacy warehouse lighthouse cottage cathedral monastery university",
    "weather": "rain snow wind fog storm hail thunder lightning frost drizzle sunshine hurricane tornado blizzard breeze mist drought",
    "shape": "circle square triangle rectangle oval cube sphere cone cylinder pyramid hexagon pentagon octagon spiral rhombus",
    "gem": "diamond ruby emerald pearl sapphire opal amber topaz jade garnet amethyst quartz onyx",
    "spice": "salt cinnamon ginger basil oregano thyme rosemary saffron nutmeg paprika vanilla mustard cumin mint parsley sage dill turmeric curry",
    "dish": "soup pizza salad burger sandwich pancake omelette lasagne noodles stew pie sausage steak dumpling risotto waffle spaghetti toast porridge casserole",
    "material": "wood glass paper leather cotton wool silk plastic rubber stone brick concrete velvet linen nylon cardboard clay wax marble ceramic denim foam",
    "planet": "Venus Mars Jupiter Saturn Uranus Neptune Mercury Earth Pluto",
    "language": "English French German Spanish Italian Japanese Chinese Russian Arabic Greek Turkish Dutch Swedish Polish Portuguese Korean Hindi Finnish Danish Norwegian Hungarian Czech Latin Hebrew Thai",
    "month": "January February March April May June July August September October November December",
    "season": "spring summer autumn winter",
    "feeling": "joy anger fear sadness surprise disgust pride shame envy love hope grief jealousy boredom guilt relief excitement loneliness",
    "disease": "flu measles malaria asthma diabetes cancer pneumonia cholera fever cough migraine allergy arthritis bronchitis",
    "game": "chess poker domino bingo checkers roulette solitaire hopscotch backgammon bridge darts marbles",
    "dance": "waltz tango salsa polka ballet samba rumba foxtrot flamenco",
    "weapon": "sword gun rifle pistol dagger spear cannon bow arrow bomb lance revolver crossbow",
    "toy": "doll puzzle kite teddy yoyo rattle puppet trampoline swing slide",
    "subject": "maths physics chemistry biology history geography music art economics philosophy psychology algebra geometry literature grammar astronomy",
    "landscape": "mountain river lake desert forest island valley beach swamp volcano glacier canyon waterfall jungle hill meadow ocean cave cliff bay coast stream pond",
    "kitchenware": "knife fork spoon plate bowl cup pan pot saucer jug tray ladle grater sieve whisk teapot corkscrew colander",
    "document": "passport invoice letter contract receipt diary newspaper magazine dictionary atlas novel poem recipe certificate licence calendar brochure leaflet cheque",
    "unit": "metre kilometre inch mile gram kilogram pound litre gallon hour minute week year degree volt watt",
}


def _categories() -> dict[str, tuple[str, ...]]:
    """The lists, each word in the first one that names it, so that 'the colour in the list' has one answer."""
    taken: set[str] = set()
    out: dict[str, tuple[str, ...]] = {}
    for name, text in _CATEGORY_TEXT.items():
        kept = tuple(word for word in _split(text) if word not in taken)
        taken.update(kept)
        out[name] = kept
    return out


CATEGORIES: dict[str, tuple[str, ...]] = _categories()

_COUNTRIES = (
    "Norway Oslo France Paris Spain Madrid Italy Rome Japan Tokyo Egypt Cairo Kenya Nairobi Peru Lima Chile Santiago Cuba Havana Greece Athens Poland Warsaw "
    "Austria Vienna Portugal Lisbon Sweden Stockholm Finland Helsinki Hungary Budapest Denmark Copenhagen Ireland Dublin Qatar Doha Germany Berlin England London "
    "Russia Moscow China Beijing India Delhi Turkey Ankara Canada Ottawa Brazil Brasilia Argentina - Belgium Brussels Holland Amsterdam Switzerland Bern "
    "Iceland Reykjavik Scotland Edinburgh Wales Cardiff Morocco Rabat Tunisia Tunis Algeria Algiers Libya Tripoli Ghana Accra Nigeria Abuja Ethiopia - Uganda Kampala "
    "Somalia Mogadishu Sudan Khartoum Angola Luanda Senegal Dakar Iran Tehran Iraq Baghdad Syria Damascus Lebanon Beirut Jordan Amman Israel Jerusalem Pakistan Islamabad "
    "Nepal Kathmandu Thailand Bangkok Vietnam Hanoi Malaysia - Indonesia Jakarta Philippines Manila Australia Canberra Bulgaria Sofia Romania Bucharest Serbia Belgrade "
    "Croatia Zagreb Ukraine Kyiv Latvia Riga Estonia Tallinn Lithuania Vilnius Slovakia Bratislava Slovenia Ljubljana Albania Tirana Bolivia Sucre Ecuador Quito Colombia Bogota "
    "Venezuela Caracas Uruguay Montevideo Paraguay Asuncion Mongolia - Georgia Tbilisi Armenia Yerevan Cyprus Nicosia Malta Valletta Jamaica Kingston Haiti -"
)  # fmt: skip
_raw = _COUNTRIES.split()
#: A dash stands for a capital whose name is not one plain word.
CAPITALS: dict[str, str] = {a: b for a, b in zip(_raw[::2], _raw[1::2], strict=True) if b != "-"}
CATEGORIES["country"] = tuple(_raw[::2])

CITIES: tuple[str, ...] = tuple(
    dict.fromkeys(
        (
            *CAPITALS.values(),
            *_split(
                "Boston Chicago Dallas Denver Geneva Hamburg Munich Milan Naples Prague Porto Seattle Toronto Zurich "
                "Barcelona Seville Valencia Lyon Marseille Nice Bordeaux Lille Cologne Frankfurt Stuttgart Dresden Leipzig Bremen Hanover Turin Venice Florence Bologna Palermo Genoa "
                "Liverpool Manchester Leeds Bristol Oxford Cambridge York Glasgow Aberdeen Belfast Cork Galway Antwerp Ghent Bruges Rotterdam Utrecht Basel Lausanne Salzburg Graz Linz "
                "Gothenburg Malmo Bergen Trondheim Aarhus Turku Tampere Krakow Gdansk Poznan Brno Split Istanbul Izmir Osaka Kyoto Nagoya Sapporo Seoul Busan Shanghai Mumbai Chennai Kolkata "
                "Sydney Melbourne Perth Brisbane Adelaide Auckland Wellington Montreal Vancouver Calgary Miami Atlanta Houston Phoenix Detroit Memphis Orlando Portland Austin Cleveland Pittsburgh "
                "Philadelphia Baltimore Nashville Durban Lagos Casablanca Alexandria Dubai Karachi Lahore Singapore Recife Cordoba"
            ),
        )
    )
)  # fmt: skip

CORE_CITIES: tuple[str, ...] = (
    *CITIES[:20],
    *_split("London Berlin Boston Chicago Dallas Denver Geneva Hamburg Munich Milan Naples Prague Porto Seattle Toronto Zurich"),
)

NAMES: tuple[str, ...] = tuple(
    dict.fromkeys(
        _split(
            "Anna Ben Carla David Emma Felix Grace Henry Irene Jack Karen Leo Maria Nina Oscar Paula Quinn Robert Sara Thomas "
            "Ursula Victor Wendy Xavier Yara Zoe Alice Bruno Clara Daniel Elena Frank Greta Hugo Ida Jonas "
            "Adam Agnes Albert Alex Amelia Andrew Angela Anton Arthur Astrid Barbara Beatrice Bella Bernard Betty Boris Bridget Carlos Carmen Caroline Cecilia Charles Chloe Chris Christina "
            "Claire Claude Colin Connor Cora Cynthia Dana Daphne Dennis Diana Diego Dominic Donald Dora Doris Dylan Edgar Edith Edward Ella Elliot Elsa Emil Emily Eric Erica Esther Ethan Eva "
            "Evelyn Fatima Fiona Flora Fred Gabriel Gemma George Gloria Gordon Gustav Hanna Harold Harry Heidi Helen Herman Hilda Holly Howard Ian Ingrid Isaac Isabel Ivan Ivy Jacob James Jane "
            "Janet Jason Jasper Jean Jenny Jessica Joan Joe Johanna John Jorge Joseph Josh Judith Julia Julian Karl Kate Keith Kevin Kim Kira Kurt Lara Larry Laura Lena Leon Leonard Lewis Liam "
            "Lily Linda Lisa Lorenzo Louis Lucas Lucy Luis Lydia Magda Marcus Margaret Mario Marion Mark Martha Martin Mason Matthew Max Megan Mia Michael Miguel Mila Miriam Molly Monica Nadia "
            "Nancy Natalie Nathan Neil Nicholas Nicole Nora Norman Olga Oliver Olivia Omar Otto Owen Pablo Patrick Paul Pedro Penelope Peter Philip Rachel Ralph Ramon Rebecca Rita Roger Roland "
            "Rosa Ruben Ruth Ryan Sabine Sally Sam Samuel Sandra Sean Simon Sonia Stella Stephen Steven Susan Sven Sylvia Tamara Tanya Teresa Tim Tina Tobias Tom Tony Vera Veronica Vincent Viola "
            "Walter William Yusuf Yvonne Zach"
        )
    )
)  # fmt: skip
NAMES = tuple(name for name in NAMES if name not in CITIES)

ITEMS: tuple[str, ...] = tuple(
    dict.fromkeys(
        _split(
            "lamp kettle toaster laptop camera phone tablet printer speaker radio clock watch mirror blanket pillow backpack "
            "umbrella wallet bottle mug fan heater keyboard monitor router headset charger carpet desk sofa shelf chair table vase "
            "oven fridge freezer dishwasher microwave blender mixer stove vacuum television projector scanner microphone drone console joystick cable battery adapter "
            "antenna amplifier turntable telescope binoculars microscope calculator notebook pen pencil eraser ruler stapler folder envelope stamp candle lantern torch "
            "curtain rug mattress bed wardrobe cupboard drawer bench stool armchair bookcase cabinet bathtub shower sink faucet towel soap shampoo toothbrush comb razor perfume "
            "necklace bracelet ring earring brooch handbag suitcase briefcase purse basket bucket barrel crate hook rope chain lock key doorbell thermostat thermometer barometer "
            "tent hammock stretcher compass helmet racket treadmill dumbbell skateboard snowboard surfboard wheelchair stroller crib highchair feeder aquarium cage collar leash "
            "painting poster frame sculpture globe map album bookmark trophy medal flag banner sticker jigsaw lawnmower sprinkler hose fence gate mailbox grill cooler thermos lighter matchbox"
        )
    )
)  # fmt: skip
DAYS: tuple[str, ...] = _split("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
MONTHS: tuple[str, ...] = CATEGORIES["month"]
ITEM_COLOURS: tuple[str, ...] = CATEGORIES["colour"][:22]
NUMBERS: tuple[str, ...] = _split(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty"
)
ORDINALS: tuple[str, ...] = _split("first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth")
UPPER: tuple[str, ...] = (*ITEMS[:40], *CITIES[:40], *NAMES[:40], *DAYS, *ITEM_COLOURS)
"""Words that have a token in upper case too; the upper-case rule is for these."""
MADE_UP_PARTS: tuple[str, ...] = _split("zo ka mi ru te lo va ni du pe sa gi fo bu wi ha je xu yo qua")

_PLURALS = (
    "cat cats dog dogs tiger tigers horse horses rabbit rabbits monkey monkeys goat goats camel camels bear bears eagle eagles "
    "duck ducks frog frogs snake snakes lion lions apple apples banana bananas grape grapes lemon lemons melon melons car cars "
    "train trains truck trucks boat boats hammer hammers drill drills shirt shirts coat coats hat hats shoe shoes lamp lamps "
    "camera cameras phone phones clock clocks chair chairs table tables doctor doctors teacher teachers farmer farmers pilot pilots "
    "baker bakers bus buses box boxes dress dresses brush brushes watch watches fox foxes glass glasses city cities baby babies "
    "story stories party parties lady ladies cherry cherries child children man men woman women mouse mice foot feet tooth teeth "
    "goose geese wolf wolves knife knives leaf leaves wife wives shelf shelves cow cows pig pigs bird birds cup cups key keys ring rings tent tents rope ropes bed beds "
    "desk desks sofa sofas mirror mirrors bottle bottles spoon spoons fork forks plate plates nurse nurses judge judges singer singers school schools church churches "
    "castle castles river rivers lake lakes hill hills island islands country countries berry berries fly flies pony ponies puppy puppies family families loaf loaves "
    "thief thieves half halves potato potatoes tomato tomatoes hero heroes bench benches peach peaches beach beaches arm arms leg legs hand hands finger fingers"
)  # fmt: skip
_PAST = (
    "walk walked talk talked play played jump jumped open opened close closed start started help helped ask asked call called "
    "cook cooked clean cleaned paint painted push pushed pull pulled listen listened wait waited visit visited order ordered "
    "go went see saw eat ate give gave take took come came run ran sing sang swim swam write wrote drive drove speak spoke "
    "break broke buy bought bring brought think thought teach taught catch caught find found fly flew grow grew know knew "
    "sleep slept keep kept leave left make made sell sold tell told win won begin began drink drank build built send sent "
    "love loved move moved live lived use used like liked hope hoped smile smiled laugh laughed cry cried try tried study studied carry carried stop stopped plan planned drop dropped "
    "fall fell feel felt fight fought forget forgot freeze froze get got hang hung hear heard hide hid hold held lose lost meet met pay paid ride rode ring rang rise rose say said "
    "shake shook shine shone shoot shot sit sat spend spent stand stood steal stole throw threw wake woke wear wore wash washed watch watched wish wished"
)  # fmt: skip
_ING = (
    "walk walking talk talking play playing jump jumping open opening help helping ask asking call calling cook cooking clean cleaning paint painting push pushing pull pulling listen listening "
    "wait waiting visit visiting go going see seeing eat eating give giving take taking come coming run running sing singing swim swimming write writing drive driving speak speaking break breaking "
    "buy buying bring bringing think thinking teach teaching find finding fly flying grow growing sleep sleeping keep keeping leave leaving make making sell selling tell telling win winning build building "
    "send sending love loving move moving live living laugh laughing cry crying try trying study studying stop stopping fall falling feel feeling fight fighting hide hiding hold holding lose losing meet meeting "
    "pay paying ride riding say saying shake shaking sit sitting spend spending stand standing throw throwing wear wearing wash washing"
)  # fmt: skip
_OPPOSITES = (
    "hot cold big small fast slow high low old new rich poor full empty light dark hard soft wet dry long short good bad "
    "happy sad early late near far clean dirty cheap expensive strong weak thick thin wide narrow true false loud quiet "
    "safe dangerous easy difficult sweet sour deep shallow heavy weightless up down left right day night love hate "
    "begin end buy sell push pull win lose young aged north south east west summer winter "
    "brave cowardly calm nervous clever stupid polite rude lazy busy tall tiny rough smooth sharp blunt tight loose public private modern ancient natural artificial simple complex "
    "generous greedy honest dishonest friendly hostile healthy ill visible hidden alive dead guilty innocent major minor male female top bottom inside outside above below over under before after "
    "always never often seldom more less many few accept refuse arrive depart attack defend borrow lend create destroy increase decrease remember forget open shut rise sink save waste "
    "friend enemy success failure victory defeat question answer entrance exit profit loss king queen peace war heaven hell truth lie birth death"
)  # fmt: skip


def _pairs(text: str) -> dict[str, str]:
    words = text.split()
    return dict(zip(words[::2], words[1::2], strict=True))


PLURALS = _pairs(_PLURALS)
PAST = _pairs(_PAST)
ING = _pairs(_ING)
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

GOOD = _split(
    "wonderful great excellent lovely perfect fantastic superb brilliant nice amazing awesome delightful pleasant splendid beautiful marvellous charming impressive reliable comfortable"
)
BAD = _split(
    "terrible awful horrible useless ugly disappointing poor dreadful nasty broken faulty annoying boring unpleasant worthless defective miserable shabby flimsy uncomfortable"
)
LIKE = _split("love like enjoy adore recommend appreciate praise cherish")
DISLIKE = _split("hate dislike regret despise avoid loathe resent detest")

#: Sentences of a subject, for classification; {name} and {city} are filled.
SUBJECTS: dict[str, tuple[str, ...]] = {
    "sports": ("{name} scored two goals in the last game.", "The team from {city} won the cup.", "The coach trained the players hard.", "{name} ran the race in record time.", "The match in {city} ended in a draw.", "Fans cheered when {name} won the medal."),
    "food": ("{name} baked fresh bread this morning.", "The soup needs more salt.", "We ate pizza in {city}.", "{name} cooked dinner for six guests.", "The cake tastes of chocolate.", "This restaurant in {city} serves good fish."),
    "travel": ("{name} booked a flight to {city}.", "Our hotel in {city} was near the beach.", "The train to {city} leaves at noon.", "{name} lost a suitcase at the airport.", "We took the bus tour of {city}.", "{name} packed a bag for the trip."),
    "health": ("{name} has a fever and a cough.", "The doctor gave {name} some pills.", "Drink water and sleep more.", "The hospital in {city} needs more nurses.", "{name} broke an arm last week.", "Smoking harms the lungs."),
    "money": ("{name} saved some money in the bank.", "The price of oil rose again.", "{name} paid back the loan.", "The bank in {city} raised the rates.", "Taxes will go up next year.", "{name} sold all shares today."),
    "weather": ("It will rain in {city} tomorrow.", "Snow fell all night.", "A storm hit {city}.", "The sun shines and the sky is blue.", "Strong winds are expected in {city}.", "It is cold and foggy today."),
    "music": ("{name} plays the piano every day.", "The band gave a concert in {city}.", "{name} sang an old song.", "The orchestra played a waltz.", "A new album by {name} came out.", "The choir from {city} sings on stage."),
    "school": ("{name} passed the exam.", "The teacher gave the class some homework.", "Pupils in {city} learn two languages.", "{name} reads a book in the library.", "The lesson starts at nine.", "{name} studies at the university of {city}."),
}  # fmt: skip

#: A few sentences and greetings in four languages, for naming the language.
LANGUAGES: dict[str, tuple[str, ...]] = {
    "English": ("good morning", "thank you", "where is the house", "I am hungry", "the dog is big", "see you tomorrow", "we are friends", "the water is cold"),
    "German": ("guten Morgen", "danke schoen", "wo ist das Haus", "ich bin hungrig", "der Hund ist gross", "bis morgen", "wir sind Freunde", "das Wasser ist kalt"),
    "French": ("bonjour monsieur", "merci beaucoup", "je suis fatigue", "le chien est grand", "nous sommes amis", "au revoir madame", "la maison est petite", "je mange du pain"),
    "Spanish": ("buenos dias", "muchas gracias", "donde esta la casa", "yo tengo hambre", "el perro es grande", "hasta luego", "nosotros somos amigos", "el agua esta fria"),
}  # fmt: skip

URGENCY: dict[str, tuple[str, ...]] = {
    "high": ("This is urgent!", "Please act at once!", "It is an emergency.", "I need it today.", "Answer right now!", "It cannot wait.", "Hurry, please!"),
    "normal": ("Please answer this week.", "I hope to hear from you soon.", "Please reply when the office is open.", "Some time this week is fine.", "A reply in two days is fine."),
    "low": ("There is no hurry.", "Take your time.", "Whenever you have time.", "It is not urgent.", "It can wait.", "No rush at all."),
}  # fmt: skip

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
