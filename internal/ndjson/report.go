package ndjson

import (
	"slices"

	"tienda/internal/fault"
)

// MaxErrors is how many refused lines a report names; the others it counts.
const MaxErrors = 1000

// Report says what of a stream was taken: the ImportReport of the contracts.
type Report struct {
	Accepted  int       `json:"accepted"` // lines
	Rejected  int       `json:"rejected"` // lines
	Errors    []Failure `json:"errors"`   // by line, at most MaxErrors
	Truncated bool      `json:"errors_truncated,omitempty"`
}

// Failure is a line that was refused.
type Failure struct {
	Line   int           `json:"line"` // from 1
	Reason string        `json:"reason"`
	Fields []fault.Field `json:"fields,omitempty"`
}

func (r *Report) reject(line int, reason string, fields ...fault.Field) {
	r.Rejected++
	if len(r.Errors) >= MaxErrors {
		r.Truncated = true
		return
	}
	r.Errors = append(r.Errors, Failure{Line: line, Reason: reason, Fields: fields})
}

// sort puts the lines that a batch refused among those refused while it filled.
func (r *Report) sort() {
	slices.SortStableFunc(r.Errors, func(a, b Failure) int { return a.Line - b.Line })
}
