package index

import (
	"cmp"
	"slices"
	"strings"
)

// Suggest gives how a text that is being typed may go on: its last word
// completed to words of names, those of the most products first that have the
// words before it, too. If none begins so, the words that are like it with a
// typo.
func (x *Index) Suggest(text string, limit int) ([]Suggestion, error) {
	written := split(text)
	if len(written) == 0 {
		return nil, nil
	}
	before, last := written[:len(written)-1], Fold(written[len(written)-1])
	if last == "" {
		return nil, nil
	}
	words := queryWords(strings.Join(before, " "))
	s := x.scratch.Get().(*scratch)
	defer x.scratch.Put(s)
	x.mu.RLock()
	defer x.mu.RUnlock()
	if len(words) > 0 {
		met, _, err := x.meanings(words, nil)
		if err != nil {
			return nil, err
		}
		x.match(s, met)
	}
	var out []Suggestion
	note := func(n uint32) {
		t := &x.terms.all[n]
		count := t.names
		if len(words) > 0 {
			if slices.ContainsFunc(words, func(w word) bool { return w.folded == t.text }) {
				return
			}
			count = s.named(t)
		}
		if count > 0 {
			out = append(out, Suggestion{strings.Join(append(slices.Clone(before), t.shown), " "), count})
		}
	}
	err := x.beginning(last, note)
	if n := typos(last); err == nil && len(out) == 0 && n > 0 {
		err = x.resembling(last, n, note)
	}
	slices.SortFunc(out, func(a, b Suggestion) int {
		return cmp.Or(cmp.Compare(b.Products, a.Products), strings.Compare(a.Text, b.Text))
	})
	return out[:min(limit, len(out))], err
}

// named counts those of the matched that have a term in their name.
func (s *scratch) named(t *term) (n int) {
	if t.names == 0 {
		return 0
	}
	for _, p := range t.postings {
		if p.class() == inName && s.scores[p.doc()] > 0 {
			n++
		}
	}
	return n
}
