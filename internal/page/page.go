// Package page is the opaque cursor and the limit of every list.
package page

import (
	"encoding/base64"
	"encoding/json"

	"tienda/internal/fault"
)

// The limits of a list's page, stated in every contract.
const (
	DefaultLimit = 20
	MaxLimit     = 100
)

// Limit gives the page size for a query's "limit", 0 meaning none was given.
func Limit(asked int) int {
	switch {
	case asked <= 0:
		return DefaultLimit
	case asked > MaxLimit:
		return MaxLimit
	default:
		return asked
	}
}

// Encode makes an opaque cursor of a position.
func Encode(position any) string {
	b, err := json.Marshal(position)
	if err != nil {
		panic("page: a position that is not JSON: " + err.Error())
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// Decode reads a cursor that Encode made into position; an empty cursor
// leaves it as it is. The error is fault.Invalid and names "cursor".
func Decode(cursor string, position any) error {
	if cursor == "" {
		return nil
	}
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		err = json.Unmarshal(b, position)
	}
	if err != nil {
		return fault.BadField("cursor", "is not a cursor of this list")
	}
	return nil
}

// Of is one page of a list, as sent.
type Of[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor,omitempty"`
}
