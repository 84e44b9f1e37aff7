package product

import (
	"maps"
	"slices"

	"golang.org/x/text/language"
)

// DefaultLanguage is the language of a product that states none.
const DefaultLanguage = "en"

// Translation is a product's text in another language than its own.
type Translation struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
}

// Text gives the name and the description in a language of the product, in its
// own where it has not been translated into that.
func (d Details) Text(lang string) Translation {
	if t, ok := d.Translations[lang]; ok {
		return t
	}
	return Translation{Name: d.Name, Description: d.Description}
}

// Languages lists the languages of the product: its own, then the others in the
// order of their tags.
func (d Details) Languages() []string {
	return append([]string{d.Language}, slices.Sorted(maps.Keys(d.Translations))...)
}

// CheckLanguages holds the tags to BCP 47. One language has one tag: what is
// written in another way than the usual one is refused.
func (d Details) CheckLanguages(bad func(name, reason string)) {
	if reason := badTag(d.Language); reason != "" {
		bad("/language", reason)
	}
	for _, lang := range slices.Sorted(maps.Keys(d.Translations)) {
		at := "/translations/" + pointer(lang)
		switch reason := badTag(lang); {
		case reason != "":
			bad(at, reason)
		case lang == d.Language:
			bad(at, "is the product's own language")
		}
	}
}

// badTag says what is wrong with a language tag; "": nothing.
func badTag(lang string) string {
	tag, err := language.Parse(lang)
	switch {
	case err != nil:
		return "is not a language tag of BCP 47"
	case tag == language.Und:
		return "names no language"
	case tag.String() != lang:
		return "is usually written " + tag.String()
	}
	return ""
}
