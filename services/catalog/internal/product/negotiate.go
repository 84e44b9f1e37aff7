package product

import (
	"strings"
	"sync"

	"golang.org/x/text/language"
)

// keptChoices bounds what a Negotiator remembers.
const keptChoices = 4096

// Negotiator finds the language of a product that suits a caller best. Making a
// matcher costs some 100 µs, so that choices are remembered: there are few, as
// the gateway has brought what callers accept down to the shop's languages. The
// zero value is ready.
type Negotiator struct {
	mu   sync.Mutex
	kept map[string]string // what was accepted, and the product's languages → the choice
}

// Choose gives the language of d for an Accept-Language header (RFC 9110,
// 12.5.4), its own where none is accepted or the header cannot be read.
func (n *Negotiator) Choose(accept string, d *Details) string {
	if accept == "" || accept == d.Language || len(d.Translations) == 0 {
		return d.Language
	}
	if _, exact := d.Translations[accept]; exact {
		return accept
	}
	languages := d.Languages()
	key := accept + "\n" + strings.Join(languages, ",")
	n.mu.Lock()
	choice, known := n.kept[key]
	n.mu.Unlock()
	if known {
		return choice
	}
	choice = match(accept, languages)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.kept == nil || len(n.kept) >= keptChoices {
		n.kept = map[string]string{}
	}
	n.kept[key] = choice
	return choice
}

func match(accept string, languages []string) string {
	wanted, _, err := language.ParseAcceptLanguage(accept)
	if err != nil {
		return languages[0]
	}
	tags := make([]language.Tag, len(languages))
	for i, l := range languages {
		tags[i] = language.Make(l)
	}
	_, i, _ := language.NewMatcher(tags).Match(wanted...) // the first where nothing matches
	return languages[i]
}
