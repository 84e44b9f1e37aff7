package reverse

import "fmt"

// MissingRowError says that a statement which needs a row found none: what it refers to is
// not there (yet), or is gone.
type MissingRowError struct {
	Name string // of the mapping's entry
	Line int    // of the mapping
}

// Error says which statement.
func (e *MissingRowError) Error() string {
	return fmt.Sprintf("%s: the statement on line %d of the mapping found no row", e.Name, e.Line)
}

// UnfitError says that the mapping has no way for a document.
type UnfitError struct{ Reason string }

// Error gives the reason.
func (e *UnfitError) Error() string { return e.Reason }
