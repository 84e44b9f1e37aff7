package main

// shelf is a category with what stands in it: each thing in each style is a
// product, each size of it a variant.
type shelf struct {
	slug, name, code string // code begins the SKUs
	things           []thing
	styles           []style
	option           string // what the sizes differ in
	sizes            []size
}

type thing struct {
	name, text string
	cents      int // of the smallest size, EUR
}

type style struct{ name, origin, text string }

type size struct {
	code, name string
	percent    int // of the smallest size's price
}

var shelves = []shelf{
	{"coffee", "Coffee", "COF",
		[]thing{{"Espresso Beans", "Whole beans with a thick, dark crema.", 790}, {"Filter Coffee", "Ground for filter and French press.", 720}, {"Café con Leche Blend", "Made to stand up to milk.", 690}, {"Decaf", "Decaffeinated with spring water.", 850}, {"Cold Brew", "Coarsely ground, for a night in the fridge.", 760}},
		[]style{{"Sevilla", "Colombia", "Chocolate, orange peel and a long finish."}, {"Cádiz", "Ethiopia", "Jasmine, bergamot and ripe apricot."}, {"Granada", "Guatemala", "Toffee, red apple and walnut."}, {"Bilbao", "Brazil", "Hazelnut, cocoa and low acidity."}},
		"weight", []size{{"250", "250 g", 100}, {"500", "500 g", 185}, {"1000", "1 kg", 340}}},
	{"tea", "Tea and Infusions", "TEA",
		[]thing{{"Black Tea", "Full leaf, for the morning.", 540}, {"Green Tea", "Steamed leaf, brewed at 75 °C.", 590}, {"Rooibos", "Red bush, free of caffeine.", 480}, {"Manzanilla", "Whole camomile flowers.", 420}, {"Hierbabuena", "Spearmint, cut coarse.", 390}},
		[]style{{"Alhambra", "Granada", "With rose petals and cardamom."}, {"Jerez", "Andalucía", "With dried fig and a little vanilla."}, {"Levante", "Valencia", "With orange peel and blossom."}, {"Norte", "Asturias", "Plain, for those who want the leaf alone."}},
		"weight", []size{{"50", "50 g tin", 100}, {"100", "100 g bag", 165}, {"250", "250 g bag", 360}}},
	{"olive-oil", "Olive Oil", "OIL",
		[]thing{{"Extra Virgin Olive Oil", "Cold pressed within six hours of the harvest.", 990}, {"Early Harvest Oil", "Green fruit of October, peppery.", 1490}, {"Unfiltered Oil", "Cloudy, from the first days of the mill.", 1290}, {"Lemon Oil", "Olives and lemons crushed together.", 1190}, {"Smoked Oil", "Smoked over holm oak.", 1350}},
		[]style{{"Picual", "Jaén", "Tomato leaf and green almond."}, {"Arbequina", "Lleida", "Mild, with apple and banana."}, {"Hojiblanca", "Córdoba", "Fresh grass and a bitter end."}, {"Cornicabra", "Toledo", "Avocado, and pepper at the back."}},
		"volume", []size{{"250", "250 ml", 100}, {"500", "500 ml", 175}, {"1000", "1 l tin", 310}, {"5000", "5 l tin", 1350}}},
	{"ceramics", "Ceramics", "CER",
		[]thing{{"Coffee Cup", "Thrown and glazed by hand, with its saucer.", 1450}, {"Serving Bowl", "Wide and deep enough for a salad.", 2900}, {"Dinner Plate", "Twenty-seven centimetres, for every day.", 1800}, {"Water Jug", "Keeps water cool through the afternoon.", 3400}, {"Cazuela", "Goes from the flame to the table.", 2200}},
		[]style{{"Talavera", "Toledo", "Blue and ochre on white."}, {"Triana", "Sevilla", "Green arabesques on cream."}, {"Manises", "Valencia", "Golden lustre."}, {"Níjar", "Almería", "Drops of colour that run into each other."}},
		"set", []size{{"1", "Single", 100}, {"2", "Set of 2", 190}, {"6", "Set of 6", 540}}},
	{"cheese", "Cheese", "CHE",
		[]thing{{"Cured Cheese", "Aged for nine months.", 1250}, {"Semi-Cured Cheese", "Aged for four months.", 1080}, {"Old Cheese", "Aged for eighteen months, with crystals.", 1590}, {"Cheese in Olive Oil", "Kept under oil in a jar.", 1380}, {"Smoked Cheese", "Smoked over beech.", 1190}},
		[]style{{"Manchego", "La Mancha", "Sheep's milk; nutty and buttery."}, {"Mahón", "Menorca", "Cow's milk; salt and butter."}, {"Majorero", "Fuerteventura", "Goat's milk; rubbed with pimentón."}, {"Idiazábal", "Navarra", "Raw milk of latxa sheep."}},
		"weight", []size{{"250", "250 g wedge", 100}, {"500", "500 g wedge", 190}, {"1000", "Half a wheel, 1 kg", 360}}},
	{"charcuterie", "Ham and Sausages", "HAM",
		[]thing{{"Sliced Ham", "Cut by hand, packed without air.", 1150}, {"Chorizo", "Coarsely cut, with smoked pimentón.", 780}, {"Salchichón", "With black pepper and a little wine.", 760}, {"Lomo", "Cured loin.", 1290}, {"Sobrasada", "Soft, to be spread.", 690}},
		[]style{{"Ibérico", "Huelva", "From pigs of the dehesa."}, {"Serrano", "Teruel", "Dried in mountain air."}, {"Duroc", "Salamanca", "Tender and evenly marbled."}, {"Chato", "Murcia", "An old breed, nearly lost."}},
		"weight", []size{{"100", "100 g", 100}, {"300", "300 g", 280}}},
	{"conserves", "Conserves", "CAN",
		[]thing{{"White Tuna", "Line-caught, cooked by hand.", 890}, {"Anchovies", "Cleaned and filleted one by one.", 1150}, {"Mussels", "In escabeche.", 650}, {"Sardines", "Small ones, twelve to a tin.", 540}, {"Piquillo Peppers", "Roasted over wood, never in water.", 480}},
		[]style{{"Cantábrica", "Cantabria", "In olive oil."}, {"Gallega", "Galicia", "In a light marinade."}, {"Navarra", "Navarra", "With garlic and parsley."}, {"Barbate", "Cádiz", "In the old way of the almadraba."}},
		"pack", []size{{"1", "1 tin", 100}, {"3", "3 tins", 285}, {"12", "12 tins", 1080}}},
	{"sweets", "Sweets and Chocolate", "SWE",
		[]thing{{"Turrón", "Almonds, honey and egg white.", 950}, {"Chocolate Bar", "Ground on stone.", 420}, {"Polvorones", "Crumbly almond shortbread.", 680}, {"Marzipan", "Almonds and sugar, half and half.", 890}, {"Churros Chocolate", "Thick, for dipping.", 560}},
		[]style{{"Alicante", "Alicante", "Hard, with whole nuts."}, {"Jijona", "Alicante", "Soft and rich."}, {"Estepa", "Sevilla", "With cinnamon and sesame."}, {"Astorga", "León", "With a pinch of sea salt."}},
		"size", []size{{"150", "150 g", 100}, {"300", "300 g", 185}, {"BOX", "Gift box, 750 g", 440}}},
	{"wine", "Wine and Vermouth", "WIN",
		[]thing{{"Young Red", "Of last year's harvest.", 790}, {"Crianza", "A year in oak.", 1190}, {"White", "Fresh, kept on its lees.", 890}, {"Rosado", "Pale and dry.", 820}, {"Vermouth", "With wormwood and orange.", 1090}},
		[]style{{"Rioja", "La Rioja", "Tempranillo, for the most part."}, {"Ribera", "Burgos", "Dark fruit and firm tannins."}, {"Priorat", "Tarragona", "From slate and old vines."}, {"Rías Baixas", "Galicia", "Salt and citrus of the Atlantic."}},
		"bottles", []size{{"1", "1 bottle", 100}, {"3", "3 bottles", 290}, {"6", "6 bottles", 560}, {"12", "12 bottles", 1080}}},
	{"spices", "Spices and Salt", "SPI",
		[]thing{{"Smoked Paprika", "Dried over oak for two weeks.", 390}, {"Saffron", "Stigmas only, picked by hand.", 1290}, {"Flake Salt", "Raked from the pan by hand.", 450}, {"Paella Mix", "Saffron, paprika and rosemary.", 490}, {"Ñora Peppers", "Dried whole, for sauces.", 420}},
		[]style{{"La Vera", "Cáceres", "Sweet."}, {"Murciana", "Murcia", "Bittersweet."}, {"Canaria", "Lanzarote", "Hot."}, {"Ibiza", "Ibiza", "With wild herbs."}},
		"size", []size{{"S", "Small tin", 100}, {"L", "Large tin", 230}}},
	{"textiles", "Table Linen", "TEX",
		[]thing{{"Tablecloth", "Woven on narrow looms, sewn by hand.", 4900}, {"Napkins", "A set of four.", 1900}, {"Tea Towel", "Dries without fluff.", 990}, {"Apron", "With a deep pocket.", 2400}, {"Table Runner", "For the middle of a long table.", 2700}},
		[]style{{"Alpujarra", "Granada", "Stripes of red, green and blue."}, {"Mallorquina", "Mallorca", "Ikat tongues in sea blue."}, {"Grazalema", "Cádiz", "Undyed, with a rough hand."}, {"Gallego", "Galicia", "White linen with a drawn hem."}},
		"colour", []size{{"NAT", "Natural", 100}, {"AZU", "Blue", 105}, {"ROJ", "Red", 105}}},
	{"kitchen", "Kitchen Tools", "KIT",
		[]thing{{"Paella Pan", "Carbon steel, to be seasoned.", 2400}, {"Mortar", "Heavy enough to stay where it is.", 1900}, {"Ham Knife", "Long and thin, and bends a little.", 3900}, {"Moka Pot", "Aluminium, for every hob but induction.", 2600}, {"Olive Board", "Cut from one piece of old wood.", 3200}},
		[]style{{"Valenciana", "Valencia", "As the rice cooks of Albufera use it."}, {"Albacete", "Albacete", "From a town of smiths."}, {"Cordobesa", "Córdoba", "Oiled and polished by hand."}, {"Vasca", "Gipuzkoa", "Plain and nearly indestructible."}},
		"size", []size{{"S", "Small", 100}, {"M", "Medium", 140}, {"L", "Large", 190}}},
}
