// Package quickjson decodes JSON as encoding/json does, at less than half the price, for what
// comes in batches of hundreds of documents.
//
// encoding/json of Go 1.26 goes over each byte twice, and over what is kept raw three times.
// Its successor goes over it once: github.com/go-json-experiment/json, which is encoding/json
// from Go 1.27 on. This package is to go then (docs/adr/0058).
package quickjson

import (
	"encoding/json"

	next "github.com/go-json-experiment/json"
	first "github.com/go-json-experiment/json/v1"
)

// rules are all those of encoding/json, of names that come twice, of capitals and of invalid
// UTF-8 as well, but for one: that the syntax is checked before anything is decoded.
var rules = next.JoinOptions(first.DefaultOptionsV1(), first.ReportErrorsWithLegacySemantics(false))

// Unmarshal is json.Unmarshal into a value that is zero, with its value and its errors: what
// cannot be decoded is handed to encoding/json, which says why. No json.Number may be in it:
// the successor knows only its own.
func Unmarshal[T any](data []byte, v *T) error {
	if Quick(data, v) == nil {
		return nil
	}
	*v = *new(T)
	return json.Unmarshal(data, v)
}

// Quick is Unmarshal without encoding/json: with errors of its own, after which the value may be
// anything.
func Quick[T any](data []byte, v *T) error { return next.Unmarshal(data, v, rules) }
