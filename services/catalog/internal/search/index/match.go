package index

// How well a word is matched: what it weighs where it stands times how it is
// met. No weight depends on other documents, so that a document keeps its
// score while others change, and a cursor its place.
var classWeight = [classes]uint16{inName: 4, inFacts: 2, inDescription: 1}

const (
	metByTypo   = 1
	metByPrefix = 2
	metByStem   = 3
	metExactly  = 4
)

// met is a term that a word of the query is met by.
type met struct {
	term   uint32
	weight uint16
}

// meanings gives the terms that each word of a query is met by. A word that
// nothing is met by is looked for with typos; those that were on the first
// page (typos, a bit a word) stay so, and the others stay without.
func (x *Index) meanings(query []word, after *Position) (out [][]met, fuzzy uint16, err error) {
	out = make([][]met, len(query))
	for i, w := range query {
		found, err := x.meanings1(w)
		if err != nil {
			return nil, 0, err
		}
		withTypos := len(found) == 0
		if after != nil {
			withTypos = after.Typos&(1<<i) != 0
		}
		if n := typos(w.folded); withTypos && n > 0 {
			fuzzy |= 1 << i
			found = nil
			if err := x.resembling(w.folded, n, func(t uint32) {
				if len(x.terms.all[t].postings) > 0 {
					found = append(found, met{t, metByTypo})
				}
			}); err != nil {
				return nil, 0, err
			}
		}
		out[i] = found
	}
	return out, fuzzy, nil
}

// meanings1 gives the terms that a word is met by without typos.
func (x *Index) meanings1(w word) (found []met, err error) {
	note := func(n uint32, weight uint16) {
		if len(x.terms.all[n].postings) > 0 {
			found = append(found, met{n, weight})
		}
	}
	if n, ok := x.terms.words[w.folded]; ok {
		note(n, metExactly)
	}
	for _, stems := range w.stems {
		for _, stem := range stems {
			if n, ok := x.terms.stems[stem]; ok {
				note(n, metByStem)
			}
		}
	}
	if completable(w.folded) {
		err = x.beginning(w.folded, func(n uint32) { note(n, metByPrefix) })
	}
	return found, err
}

// scratch is the memory of a search.
type scratch struct {
	weights [][]uint16 // of each word, by ordinal
	docs    []uint32
	scores  []uint16 // by ordinal
	counts  []int32  // by value
	touched []uint32
}

// room gives n zeros in the memory of a slice.
func room[T uint16 | int32](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n+n/8)[:n]
	}
	s = s[:n]
	clear(s)
	return s
}

// match puts the documents that every word is met in into s.docs, and their scores into s.scores. x.mu is held.
func (x *Index) match(s *scratch, words [][]met) {
	sizes := make([]int, len(words))
	for i, w := range words {
		for _, m := range w {
			sizes[i] += len(x.terms.all[m.term].postings)
		}
	}
	rarest := 0
	for len(s.weights) < len(words) {
		s.weights = append(s.weights, nil)
	}
	for i, w := range words {
		if sizes[i] < sizes[rarest] {
			rarest = i
		}
		s.weights[i] = room(s.weights[i], len(x.docs))
		for _, m := range w {
			weigh(s.weights[i], x.terms.all[m.term].postings, m.weight)
		}
	}
	s.scores, s.docs = room(s.scores, len(x.docs)), s.docs[:0]
	for _, m := range words[rarest] {
		for _, p := range x.terms.all[m.term].postings {
			d, score := p.doc(), uint16(0)
			if s.scores[d] != 0 {
				continue
			}
			for i := range words {
				if s.weights[i][d] == 0 {
					score = 0
					break
				}
				score += s.weights[i][d]
			}
			if score > 0 {
				s.scores[d], s.docs = score, append(s.docs, d)
			}
		}
	}
}

func weigh(weights []uint16, postings []posting, by uint16) {
	for _, p := range postings {
		if w := by * classWeight[p.class()]; w > weights[p.doc()] {
			weights[p.doc()] = w
		}
	}
}
