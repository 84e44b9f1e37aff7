package index

import (
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/blevesearch/snowballstem"
	"github.com/blevesearch/snowballstem/english"
	"github.com/blevesearch/snowballstem/spanish"
	"golang.org/x/text/cases"
	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"
)

// Languages are those that have a stemmer, by ISO 639-1.
var Languages = []string{"en", "es"}

// languages is a set of them, a bit each.
type languages uint8

// languagesOf gives the languages that a text may be in; "" is not known.
func languagesOf(language string) (set languages) {
	for i, l := range Languages {
		if language == "" || language == l {
			set |= 1 << i
		}
	}
	return set
}

var stemmers = map[string]func(*snowballstem.Env) bool{"en": english.Stem, "es": spanish.Stem}

var folders = sync.Pool{New: func() any {
	return transform.Chain(norm.NFD, runes.Remove(runes.In(unicode.Mn)), cases.Fold(), norm.NFC)
}}

// Fold takes case and accents away.
func Fold(s string) string {
	t := folders.Get().(transform.Transformer)
	defer folders.Put(t)
	out, _, err := transform.String(t, s) // which resets t
	if err != nil {
		return strings.ToLower(s)
	}
	return out
}

// split gives the words of a text in lower case, with their accents.
func split(s string) []string {
	return strings.FieldsFunc(strings.ToLower(norm.NFC.String(s)), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r)
	})
}

// stems gives the stems of a word in a language: with its accents, which the
// stemmer knows endings by, and without, as many type it.
func stems(language, word, folded string) []string {
	stem, ok := stemmers[language]
	if !ok {
		return nil
	}
	run := func(w string) string {
		env := snowballstem.NewEnv(w)
		stem(env)
		return Fold(env.Current())
	}
	with := run(word)
	if word == folded {
		return []string{with}
	}
	if without := run(folded); without != with {
		return []string{with, without}
	}
	return []string{with}
}

// word is what is known of a word of a text or a query.
type word struct {
	written string // in lower case, with accents
	folded  string
	stems   [][]string // by language, as in Languages; each with its language and a colon
}

func analyse(written string) word {
	w := word{written: written, folded: Fold(written), stems: make([][]string, len(Languages))}
	for i, l := range Languages {
		for _, s := range stems(l, written, w.folded) {
			w.stems[i] = append(w.stems[i], l+":"+s)
		}
	}
	return w
}

// lexicon keeps analysed words: texts have few different ones.
type lexicon struct {
	mu    sync.RWMutex
	words map[string]*word
}

// lexiconLimit is how many words are kept before all are forgotten.
const lexiconLimit = 400_000

func (l *lexicon) get(written string) *word {
	l.mu.RLock()
	w := l.words[written]
	l.mu.RUnlock()
	if w != nil {
		return w
	}
	made := analyse(strings.Clone(written))
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.words) >= lexiconLimit || l.words == nil {
		l.words = map[string]*word{}
	}
	l.words[made.written] = &made
	return &made
}

// MaxWords is how many different words of a query count.
const MaxWords = 10

// queryWords gives the different words of a query, in its order.
func queryWords(text string) (out []word) {
	for _, s := range split(text) {
		w := analyse(s)
		if len(out) < MaxWords && w.folded != "" && !slices.ContainsFunc(out, func(o word) bool { return o.folded == w.folded }) {
			out = append(out, w)
		}
	}
	return out
}

// typos is how many letters of a word may be wrong, missing, too many, or
// change places with the next.
func typos(folded string) int {
	if strings.ContainsFunc(folded, unicode.IsDigit) {
		return 0
	}
	switch n := utf8.RuneCountInString(folded); {
	case n >= 8:
		return 2
	case n >= 4:
		return 1
	default:
		return 0
	}
}

// completable says whether words that begin with a word are found by it, too.
func completable(folded string) bool { return utf8.RuneCountInString(folded) >= 2 }
