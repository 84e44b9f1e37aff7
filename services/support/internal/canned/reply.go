// Package canned is the texts that agents answer with again and again, in the
// languages of the shop, with places for names and numbers.
package canned

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"tienda/internal/fault"
)

// Errors of a canned reply.
var (
	ErrMissing = fault.Missing("canned reply")
	// ErrVersion answers a write that demands another version than the stored.
	ErrVersion = fault.New(fault.PreconditionFailed, "version_mismatch",
		"The canned reply has changed since you read it. Read it again.").At("If-Match", "is not the current version")
)

// Place is what stands in braces in a text and is filled in for a ticket.
type Place string

// The places.
const (
	CustomerName Place = "customer_name"
	TicketNumber Place = "ticket_number"
	OrderNumber  Place = "order_number"
)

var places = []Place{CustomerName, TicketNumber, OrderNumber}

// inBraces is everything that looks like a place.
var inBraces = regexp.MustCompile(`\{([^{}]*)\}`)

// Reply is the document.
type Reply struct {
	ID        string            `json:"id"`
	Name      string            `json:"name"`     // for the agents
	Language  string            `json:"language"` // of Texts, for who has none of the others
	Texts     map[string]string `json:"texts"`    // by language, ISO 639-1
	CreatedAt time.Time         `json:"created_at"`
	UpdatedAt time.Time         `json:"updated_at"`
	Version   int64             `json:"-"` // of the document, filled in by the store
}

// Check gives fault.Unprocessable naming a text with a place that there is not,
// or the language where no text has it.
func (r Reply) Check() error {
	var refusal *fault.Error
	refuse := func(at, reason string) {
		if refusal == nil {
			refusal = fault.New(fault.Unprocessable, "reply_refused", "The canned reply cannot be used like this.")
		}
		refusal = refusal.At(at, reason)
	}
	if _, ok := r.Texts[r.Language]; !ok {
		refuse("/language", "is not one of the texts")
	}
	for _, lang := range slices.Sorted(maps.Keys(r.Texts)) {
		for _, found := range inBraces.FindAllStringSubmatch(r.Texts[lang], -1) {
			if !slices.Contains(places, Place(found[1])) {
				refuse("/texts/"+lang, fmt.Sprintf("has {%.40s}, which is no placeholder", found[1]))
				break
			}
		}
	}
	if refusal != nil {
		return refusal
	}
	return nil
}

// unnamed is what a customer is called whose name is not to be had, by language.
var unnamed = map[string]string{"en": "customer", "es": "cliente"}

// Render gives the text in a language, in the reply's own where it has no such,
// with the places filled in. A value that is not to be had is left out, or for a
// customer's name a word that fits.
func (r Reply) Render(language string, values map[Place]string) string {
	text, ok := r.Texts[language]
	if !ok {
		language, text = r.Language, r.Texts[r.Language]
	}
	return inBraces.ReplaceAllStringFunc(text, func(found string) string {
		p := Place(strings.Trim(found, "{}"))
		v := values[p]
		if v == "" && p == CustomerName {
			if v = unnamed[language]; v == "" {
				v = unnamed["en"]
			}
		}
		return v
	})
}
