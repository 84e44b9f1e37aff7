package statestore

import (
	"encoding/json"
	"strconv"

	"tienda/internal/fault"
	"tienda/internal/origin/intake"
	"tienda/internal/page"
	"tienda/internal/state"
	"tienda/services/users/internal/account"
)

// dirAt is where the list of all accounts goes on.
type dirAt struct {
	Shard int `json:"s"`
	Page  int `json:"p,omitempty"`
}

// ownAccounts gives all accounts but those that were erased, listed by the pages of the
// directory. State: 1 or 2 gets for a page.
func ownAccounts() *intake.Own[account.Moved] {
	return &intake.Own[account.Moved]{
		Prefix: users.Prefix,
		Holds: func(doc []byte) (map[string]account.Moved, error) {
			var u account.User
			if err := json.Unmarshal(doc, &u); err != nil || u.Erased() {
				return nil, err
			}
			return map[string]account.Moved{u.ID: u.AsMoved()}, nil
		},
		At: func(_ *state.Tx, id string) (string, error) { return users.Key(id), nil },
		List: func(tx *state.Tx, cursor string) (ids []string, next string, err error) {
			var at dirAt
			if err := page.Decode(cursor, &at); err != nil {
				return nil, "", err
			}
			if at.Shard < 0 || at.Shard >= dirShards || at.Page < 0 {
				return nil, "", fault.BadField("cursor", "is not a cursor of this list")
			}
			return listAccounts(tx, at)
		},
	}
}

func listAccounts(tx *state.Tx, at dirAt) (ids []string, next string, err error) {
	shard := strconv.Itoa(at.Shard)
	head, _, err := dirs.Get(tx, shard)
	if err != nil {
		return nil, "", err
	}
	if at.Page < head.Closed {
		p, _, err := dirPages.Get(tx, dirPageID(shard, at.Page))
		return p.IDs, page.Encode(dirAt{at.Shard, at.Page + 1}), err
	}
	if at.Shard+1 < dirShards {
		next = page.Encode(dirAt{Shard: at.Shard + 1})
	}
	return head.IDs, next, nil
}
