package generator

var firstNames = []string{"María", "José", "Carmen", "Antonio", "Lucía", "Íñigo", "Begoña", "Javier", "Núria", "Martín", "Ana", "Pau", "Sofía", "Hugo", "Emily", "James", "Chloé", "João", "Jürgen", "Zoë"}

var lastNames = []string{"García", "Martínez", "López", "Núñez", "Etxeberria", "Ferrer i Puig", "O'Connor", "Smith", "Muñoz", "Peña", "Castaño", "De la Fuente", "Müller", "Silva", "Dubois", "Iglesias", "Vázquez", "Ibáñez", "Ramos", "Gil"}

// plainNames are firstNames and lastNames as they stand in addresses of mail.
var plainFirst = []string{"maria", "jose", "carmen", "antonio", "lucia", "inigo", "begona", "javier", "nuria", "martin", "ana", "pau", "sofia", "hugo", "emily", "james", "chloe", "joao", "jurgen", "zoe"}

var plainLast = []string{"garcia", "martinez", "lopez", "nunez", "etxeberria", "ferrer", "oconnor", "smith", "munoz", "pena", "castano", "fuente", "muller", "silva", "dubois", "iglesias", "vazquez", "ibanez", "ramos", "gil"}

var streets = []string{"Calle Mayor", "Avenida de la Constitución", "Plaza de España", "Carrer de Balmes", "Rúa do Franco", "Paseo del Prado", "Gran Vía", "Camino Viejo", "Travesía de la Peña", "Ronda de Atocha"}

// towns are city, region ("": none is written), postal code and country.
var towns = [][4]string{
	{"Madrid", "Madrid", "28013", "ES"}, {"Barcelona", "Cataluña", "08008", "ES"}, {"Sevilla", "", "41001", "ES"},
	{"A Coruña", "Galicia", "15001", "ES"}, {"Donostia / San Sebastián", "Gipuzkoa", "20004", "ES"}, {"Cáceres", "", "10003", "ES"},
	{"València", "Valencia", "46002", "ES"}, {"Santa Cruz de Tenerife", "Canarias", "38001", "ES"},
	{"Lisboa", "", "1100-148", "PT"}, {"Orléans", "Loiret", "45000", "FR"}, {"München", "Bayern", "80331", "DE"},
}

// shelf is a category, and what is sold in it; without a noun it only has children.
type shelf struct {
	slug, parent, title, titleEN string
	sizes                        []string // of clothing; nil: the variants differ in colour
	taxClass                     int16
	nouns, nounsEN               []string
}

var clothing = []string{"XS", "S", "M", "L", "XL"}

// shelves have parents before their children. The category's ID is its place, from 1.
var shelves = []shelf{
	{slug: "moda", title: "Moda", titleEN: "Fashion"},
	{slug: "camisetas", parent: "moda", title: "Camisetas", titleEN: "T-shirts", sizes: clothing, taxClass: 1, nouns: []string{"Camiseta", "Polo"}, nounsEN: []string{"T-shirt", "Polo shirt"}},
	{slug: "pantalones", parent: "moda", title: "Pantalones", titleEN: "Trousers", sizes: clothing, taxClass: 1, nouns: []string{"Pantalón vaquero", "Pantalón de pana"}, nounsEN: []string{"Jeans", "Corduroy trousers"}},
	{slug: "zapatos", parent: "moda", title: "Zapatos", sizes: []string{"37", "38", "39", "40", "41", "42", "43"}, taxClass: 1, nouns: []string{"Zapatilla", "Bota"}, nounsEN: []string{"Sneaker", "Boot"}},
	{slug: "hogar", title: "Hogar", titleEN: "Home"},
	{slug: "cocina", parent: "hogar", title: "Cocina", titleEN: "Kitchen", taxClass: 1, nouns: []string{"Sartén", "Cafetera", "Tetera"}, nounsEN: []string{"Frying pan", "Coffee maker", "Teapot"}},
	{slug: "bano", parent: "hogar", title: "Baño", titleEN: "Bathroom", taxClass: 1, nouns: []string{"Toalla", "Espejo"}, nounsEN: []string{"Towel", "Mirror"}},
	{slug: "jardin", parent: "hogar", title: "Jardín", taxClass: 1, nouns: []string{"Maceta", "Regadera"}, nounsEN: []string{"Flowerpot", "Watering can"}},
	{slug: "libros", title: "Libros", titleEN: "Books", taxClass: 3, nouns: []string{"Cuaderno", "Atlas"}, nounsEN: []string{"Notebook", "Atlas"}},
	{slug: "despensa", title: "Despensa", titleEN: "Pantry", taxClass: 2, nouns: []string{"Aceite de oliva", "Turrón", "Jamón en lonchas"}, nounsEN: []string{"Olive oil", "Nougat", "Sliced ham"}},
	{slug: "electronica", title: "Electrónica", titleEN: "Electronics"},
	{slug: "audio", parent: "electronica", title: "Audio", taxClass: 1, nouns: []string{"Auriculares", "Altavoz"}, nounsEN: []string{"Headphones", "Loudspeaker"}},
}

var qualities = [][2]string{{"clásico", "Classic"}, {"ligero", "Light"}, {"artesano", "Handmade"}, {"de montaña", "Mountain"}, {"de otoño", "Autumn"}, {"para niños", "Children's"}, {"«Señorío»", "\"Heritage\""}, {"100 % reciclado", "100% recycled"}}

var colors = []string{"rojo", "azul marino", "verde", "negro", "blanco", "marrón"}

var brands = []string{"Ñandú", "Río & Mar", "Casa Pérez", "Northwind", "L'Atelier", "Tres Hermanas"}

// questions are subject, text of the customer and text of the agent.
var questions = [][3]string{
	{"¿Dónde está mi pedido?", "Hola:\nllevo una semana esperando y no llega.", "Buenos días, salió ayer del almacén. ¡Gracias por la paciencia!"},
	{"Talla equivocada", "La talla no es la que pedí; ¿me la cambian?", "Claro que sí, le mandamos otra."},
	{"Where is my invoice?", "I can't find the invoice of my last order.", "You will find it attached. Sorry for the delay!"},
	{"Producto roto 😞", "Ha llegado roto, con el cristal hecho añicos.", "Lo sentimos mucho. Abrimos una devolución."},
	{"Change of address", "I have moved; please update my address.", "Done."},
	{"Contraseña olvidada", "No puedo entrar en mi cuenta.", "Le hemos mandado un enlace."},
}

var topics = []any{"pedido", "producto", "pedido", "producto", nil, "cuenta"} // of questions
