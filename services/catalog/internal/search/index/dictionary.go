package index

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/blevesearch/vellum"
	"github.com/blevesearch/vellum/levenshtein"
)

// automata make the Levenshtein automata of words; two letters that changed
// places are one typo.
var automata = func() (out [3]*levenshtein.LevenshteinAutomatonBuilder) {
	for n := uint8(1); n < 3; n++ {
		b, err := levenshtein.NewLevenshteinAutomatonBuilder(n, true)
		if err != nil {
			panic(fmt.Sprintf("index: no automaton of %d typos: %v", n, err)) // it depends on n alone
		}
		out[n] = b
	}
	return out
}()

// dictionary finds words by their beginning and with typos. Most are in a
// finite state transducer, which cannot be changed; recent ones, that came
// since it was built, are looked through.
type dictionary struct {
	fst    *vellum.FST     // word → number; nil: none yet
	known  *roaring.Bitmap // the numbers in fst
	recent []uint32
}

// beginning calls see with the number of each word that begins with prefix.
func (x *Index) beginning(prefix string, see func(uint32)) error {
	for _, n := range x.dictionary.recent {
		if strings.HasPrefix(x.terms.all[n].text, prefix) {
			see(n)
		}
	}
	if x.dictionary.fst == nil {
		return nil
	}
	it, err := x.dictionary.fst.Iterator([]byte(prefix), after(prefix))
	return walk(it, err, see)
}

// after gives the first key that is behind all that begin with prefix.
func after(prefix string) []byte {
	end := []byte(prefix)
	end[len(end)-1]++ // a byte of UTF-8 is below 0xFF
	return end
}

// resembling calls see with the number of each word that is a word with at
// most n typos.
func (x *Index) resembling(word string, n int, see func(uint32)) error {
	dfa, err := automata[n].BuildDfa(word, uint8(n)) //nolint:gosec // 1 or 2
	if err != nil {
		return fmt.Errorf("an automaton for %d letters: %w", len(word), err)
	}
	for _, i := range x.dictionary.recent {
		if ok, _ := dfa.MatchAndDistance(x.terms.all[i].text); ok {
			see(i)
		}
	}
	if x.dictionary.fst == nil {
		return nil
	}
	it, err := x.dictionary.fst.Search(dfa, nil, nil)
	return walk(it, err, see)
}

func walk(it *vellum.FSTIterator, err error, see func(uint32)) error {
	for ; err == nil; err = it.Next() {
		_, n := it.Current()
		see(uint32(n)) //nolint:gosec // it was one
	}
	if errors.Is(err, vellum.ErrIteratorDone) {
		return nil
	}
	return fmt.Errorf("reading the dictionary: %w", err)
}

// recentLimit is how many words may be looked through one by one.
const recentLimit = 2000

// Tidy builds the dictionary anew if many words have come since, and forgets
// words that no document has any more. Searches go on meanwhile.
func (x *Index) Tidy() error {
	x.tidying.Lock()
	defer x.tidying.Unlock()
	x.mu.RLock()
	if len(x.dictionary.recent) < x.recent {
		x.mu.RUnlock()
		return nil
	}
	words := make(map[string]uint32, len(x.terms.words))
	for text, n := range x.terms.words {
		if len(x.terms.all[n].postings) > 0 {
			words[text] = n
		}
	}
	x.mu.RUnlock()
	next, err := build(words)
	if err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.forget(x.terms.words, next)
	x.forget(x.terms.stems, next)
	for _, n := range x.terms.words {
		if !next.known.Contains(n) {
			next.recent = append(next.recent, n)
		}
	}
	x.dictionary = next
	return nil
}

func build(words map[string]uint32) (dictionary, error) {
	d := dictionary{known: roaring.New()}
	var out bytes.Buffer
	b, err := vellum.New(&out, nil)
	if err != nil {
		return d, fmt.Errorf("building the dictionary: %w", err)
	}
	for _, text := range slices.Sorted(maps.Keys(words)) {
		n := words[text]
		d.known.Add(n)
		if err := b.Insert([]byte(text), uint64(n)); err != nil {
			return d, fmt.Errorf("building the dictionary: %w", err)
		}
	}
	if err := b.Close(); err != nil {
		return d, fmt.Errorf("building the dictionary: %w", err)
	}
	if d.fst, err = vellum.Load(out.Bytes()); err != nil {
		return d, fmt.Errorf("building the dictionary: %w", err)
	}
	return d, nil
}

// forget drops what no document has and no dictionary names.
func (x *Index) forget(in map[string]uint32, next dictionary) {
	for text, n := range in {
		if len(x.terms.all[n].postings) == 0 && !next.known.Contains(n) {
			delete(in, text)
			x.terms.all[n] = term{}
			x.terms.free = append(x.terms.free, n)
		}
	}
}
