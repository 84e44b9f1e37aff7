package index

import (
	"slices"
	"sort"
	"strings"
)

// class is the part of a document that has a word.
type class uint32

// The classes, the weightiest first.
const (
	inName class = iota
	inFacts
	inDescription
	classes
)

// posting is a document that has a term, ordinal<<2 | class: of several
// classes the weightiest.
type posting uint32

func newPosting(doc uint32, c class) posting { return posting(doc<<2 | uint32(c)) }

func (p posting) doc() uint32  { return uint32(p) >> 2 }
func (p posting) class() class { return class(p & 3) }

// term is a folded word, or a stem of a language, with the documents that
// have it.
type term struct {
	text     string
	shown    string // a word as it was first written
	postings []posting
	names    int    // documents that have it in their name
	stamp    uint32 // see Index.entries
}

// terms are all terms. Their numbers stay as long as a dictionary has them.
type terms struct {
	all   []term
	free  []uint32
	words map[string]uint32
	stems map[string]uint32 // by language, a colon, and the stem
}

func newTerms() terms {
	return terms{words: map[string]uint32{}, stems: map[string]uint32{}}
}

func (t *terms) add(in map[string]uint32, key, shown string) (n uint32, fresh bool) {
	if n, ok := in[key]; ok {
		return n, false
	}
	added := term{text: key, shown: shown}
	if last := len(t.free) - 1; last >= 0 {
		n, t.free = t.free[last], t.free[:last]
		t.all[n] = added
	} else {
		n, t.all = uint32(len(t.all)), append(t.all, added) //nolint:gosec // far below 2^32
	}
	in[key] = n
	return n, true
}

func (t *term) insert(p posting) {
	if p.class() == inName {
		t.names++
	}
	if n := len(t.postings); n == 0 || t.postings[n-1] < p {
		t.postings = append(t.postings, p)
		return
	}
	t.postings = slices.Insert(t.postings, t.find(p.doc()), p)
}

func (t *term) remove(doc uint32) {
	i := t.find(doc)
	if t.postings[i].class() == inName {
		t.names--
	}
	t.postings = slices.Delete(t.postings, i, i+1)
}

// find gives the place of a document's posting, or where it would be.
func (t *term) find(doc uint32) int {
	return sort.Search(len(t.postings), func(i int) bool { return t.postings[i].doc() >= doc })
}

// use is a word of a document, in a text of some languages.
type use struct {
	*word
	class     class
	languages languages
}

// uses gives the words of a document, the weightiest class first.
func (l *lexicon) uses(d *Document) []use {
	type key struct {
		*word
		languages
	}
	seen := map[key]bool{}
	var out []use
	read := func(text string, c class, in languages) {
		for _, s := range split(text) {
			if k := (key{l.get(s), in}); k.folded != "" && !seen[k] {
				seen[k] = true
				out = append(out, use{k.word, c, in})
			}
		}
	}
	for _, t := range d.Texts {
		read(t.Name, inName, languagesOf(t.Language))
	}
	read(strings.Join(d.SKUs, " "), inFacts, 0)
	read(strings.Join(d.Categories, " "), inFacts, languagesOf(""))
	for _, values := range d.Attributes {
		read(strings.Join(values, " "), inFacts, languagesOf(""))
	}
	for _, t := range d.Texts {
		read(t.Description, inDescription, languagesOf(t.Language))
	}
	return out
}
