package intake

import (
	"tienda/internal/page"
	"tienda/internal/state"
)

// sequence is where a list of what was moved in, and then of what was made here, goes on.
type sequence struct {
	Part string `json:"p,omitempty"` // the last of the index that was given
	Made bool   `json:"m,omitempty"` // all that was moved in was given
	At   string `json:"a,omitempty"` // where made goes on
}

// MovedThen gives an Own's List of what was moved in of a kind, and then of what made
// gives, whose cursors begin with "" and end with "".
func MovedThen(kind string, made func(tx *state.Tx, at string) (ids []string, next string, err error)) func(*state.Tx, string) ([]string, string, error) {
	return func(tx *state.Tx, cursor string) (ids []string, next string, err error) {
		var at sequence
		if err := page.Decode(cursor, &at); err != nil {
			return nil, "", err
		}
		if !at.Made {
			ids, last, err := indexOf(kind).page(tx, at.Part)
			if err != nil {
				return nil, "", err
			}
			return ids, page.Encode(sequence{Part: last, Made: last == ""}), nil
		}
		ids, at.At, err = made(tx, at.At)
		if err != nil || at.At == "" {
			return ids, "", err
		}
		return ids, page.Encode(at), nil
	}
}

// MadeIn gives a made of MovedThen over an index, whose entries id turns into IDs.
func MadeIn(x state.Index, id func(entry string) string) func(tx *state.Tx, at string) ([]string, string, error) {
	return func(tx *state.Tx, at string) (ids []string, next string, err error) {
		var from state.Position
		if err := page.Decode(at, &from); err != nil {
			return nil, "", err
		}
		entries, then, err := x.List(tx, from, MaxDocuments)
		if err != nil {
			return nil, "", err
		}
		for _, e := range entries {
			ids = append(ids, id(e))
		}
		if then != nil {
			next = page.Encode(then)
		}
		return ids, next, nil
	}
}
