package route

import (
	"fmt"
	"net/http"
	"strings"
	"sync"

	"golang.org/x/text/language"
)

// Bounds of Languages: of the shop's, of a header that is read, in bytes, and of
// how many headers are remembered.
const (
	mostLanguages = 20
	longestAccept = 1 << 10
	keptAccepts   = 4096
)

// Languages are those that the shop speaks. What a client accepts is brought
// down to one of them, before it is passed on and before the cache is asked: of
// one address there are at most so many answers, and one for whom nothing suits.
// nil: none, and no Accept-Language is passed on.
type Languages struct {
	matcher language.Matcher
	tags    [][]string // as header values

	mu   sync.Mutex
	kept map[string][]string // header → what it becomes; reading one takes some 10 µs
}

// languages reads the tags of a table.
func languages(names []string) (*Languages, []error) {
	if len(names) == 0 {
		return nil, nil
	}
	var errs []error
	if len(names) > mostLanguages {
		errs = append(errs, fmt.Errorf("languages: there are more than %d", mostLanguages))
	}
	l := &Languages{}
	tags := make([]language.Tag, len(names))
	for i, name := range names {
		tag, err := language.Parse(name)
		if err != nil || tag.String() != name {
			errs = append(errs, fmt.Errorf("languages: %q is not a language tag of BCP 47 in its usual form", name))
		}
		tags[i] = tag
		l.tags = append(l.tags, []string{name})
	}
	l.matcher = language.NewMatcher(tags)
	return l, errs
}

// Normalise leaves in Accept-Language the shop's language that suits best, or
// nothing where none does.
func (l *Languages) Normalise(h http.Header) {
	const name = "Accept-Language"
	values := h[name]
	if len(values) == 0 {
		return
	}
	if best := l.best(strings.Join(values, ",")); best != nil {
		h[name] = best
	} else {
		delete(h, name)
	}
}

func (l *Languages) best(accept string) []string {
	if l == nil || len(accept) > longestAccept {
		return nil
	}
	l.mu.Lock()
	best, known := l.kept[accept]
	l.mu.Unlock()
	if known {
		return best
	}
	if wanted, _, err := language.ParseAcceptLanguage(accept); err == nil {
		if _, i, sure := l.matcher.Match(wanted...); sure > language.No {
			best = l.tags[i]
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.kept == nil || len(l.kept) >= keptAccepts {
		l.kept = map[string][]string{}
	}
	l.kept[strings.Clone(accept)] = best
	return best
}
