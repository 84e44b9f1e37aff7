package goods

import (
	"math/rand/v2"
	"slices"
	"strings"
)

// language is what words of a language are made of.
type language struct {
	nouns    []string // what is sold; the first words of names
	extras   []string // materials and qualities
	small    []string // the words between
	syllable []string
	endings  []string // of a word's forms: a stemmer takes them for one
}

var spanish = language{
	nouns: strings.Fields(`camisa pantalón zapato chaqueta vestido falda abrigo bufanda guante sombrero calcetín cinturón
		bolso mochila maleta cartera reloj anillo collar pulsera pendiente gafas paraguas taza plato vaso jarra cuchara
		cuchillo tenedor sartén olla hervidor tetera tostadora batidora horno nevera lavadora aspiradora lámpara mesa
		silla sofá armario estantería cama colchón almohada sábana manta toalla cortina alfombra espejo cuadro jarrón
		vela florero cesta caja libro cuaderno bolígrafo lápiz pincel papel tijera pegamento juguete muñeca pelota
		bicicleta patín raqueta balón tienda linterna brújula cuerda martillo destornillador taladro sierra llave pala
		rastrillo maceta semilla manguera café té chocolate galleta aceite vinagre miel queso jamón turrón arroz pasta
		jabón champú crema perfume peine cepillo teclado ratón pantalla altavoz auricular cargador cable funda cámara
		trípode impresora guitarra flauta tambor piano`),
	extras: strings.Fields(`algodón lino lana seda cuero madera acero cristal cerámica plata oro cobre bambú mimbre corcho
		clásica moderna ligera resistente impermeable plegable ecológica artesana grande pequeña suave rápida natural
		infantil elegante deportiva portátil eléctrica manual rústica`),
	small:    strings.Fields(`de con para y en sin la el por una`),
	syllable: strings.Fields(`ba be bi bo ca co cu da de di do fa fi ga go la le li lo ma me mi mo na ne no pa pe pi po ra re ri ro sa se si so ta te ti to va ve vi za`),
	endings:  []string{"a", "as", "o", "os", "ación", "aciones", "ado", "adas", "mente", "ero", "eras", "ar"},
}

var english = language{
	nouns: strings.Fields(`shirt trousers shoe jacket dress skirt coat scarf glove hat sock belt bag backpack suitcase wallet
		watch ring necklace bracelet earring glasses umbrella cup plate glass jug spoon knife fork pan pot percolator teapot
		toaster blender oven fridge washer vacuum lamp table chair sofa wardrobe shelf bed mattress pillow sheet blanket
		towel curtain carpet mirror picture vase candle planter basket box book notebook pen pencil brush paper scissors
		glue toy doll ball bicycle skate racket football tent torch compass rope hammer screwdriver drill saw wrench spade
		rake flowerpot seed hose coffee tea chocolate biscuit oil vinegar honey cheese ham nougat rice noodles soap shampoo
		cream perfume comb toothbrush keyboard mouse screen speaker headphone charger cable sleeve camera tripod printer
		guitar flute drum piano`),
	extras: strings.Fields(`cotton linen woollen silk leather wooden steel crystal ceramic silver golden copper bamboo wicker
		cork classic modern light durable waterproof folding organic handmade large small soft quick natural children
		elegant sporty portable electric manual rustic`),
	small:    strings.Fields(`of with for and in without the a by one`),
	syllable: strings.Fields(`ba be bi bo bra cha co cru da den dri fal fo gra hin jo kel la len lo mar men mo nar ni pel pra ra ren ri ro sha ste tra tel tin van ver wi`),
	endings:  []string{"", "s", "ing", "ed", "er", "ers", "ation", "ations", "ly", "ness"},
}

// invented gives n words that look like the language's, each once.
func (l language) invented(r *rand.Rand, n int) []string {
	seen := make(map[string]bool, n)
	out := make([]string, 0, n)
	for len(out) < n {
		stem := ""
		for range 2 + r.IntN(3) {
			stem += l.syllable[r.IntN(len(l.syllable))]
		}
		for _, i := range r.Perm(len(l.endings))[:3] {
			if w := stem + l.endings[i]; !seen[w] && len(out) < n {
				seen[w] = true
				out = append(out, w)
			}
		}
	}
	return out
}

// text draws words by Zipf's law: few words are in many texts, and most in few.
type text struct {
	words []string
	zipf  *rand.Zipf
}

func (l language) text(r *rand.Rand, vocabulary int) *text {
	known := slices.Concat(l.small, l.nouns, l.extras)
	words := slices.Concat(known, l.invented(r, max(0, vocabulary-len(known))))
	return &text{words: words, zipf: rand.NewZipf(r, 1.1, 4, uint64(len(words)-1))} //nolint:gosec // there are words
}

func (t *text) draw(n int) string {
	out := make([]string, n)
	for i := range out {
		out[i] = t.words[t.zipf.Uint64()]
	}
	return strings.Join(out, " ")
}
