package account

import (
	"github.com/google/uuid"

	"tienda/internal/caller"
)

// Kept is what a document has never said of an account that was made here and is moved in now
// (MoveIn, adopts), as it is here: it stays. nil, or "": the document says it, or has said it before.
type Kept struct {
	Roles       []caller.Role     `json:"roles,omitempty"`
	Status      string            `json:"status,omitempty"`
	Preferences *MovedPreferences `json:"preferences,omitempty"`
	Addresses   *[]MovedAddress   `json:"addresses,omitempty"` // not nil: never said, be they none
}

// keeps gives what an account keeps of its own when a document comes that it is to adopt.
// What was said once and is left out now is gone there, and goes here.
func (u *User) keeps(m Moved) *Kept {
	now, k := u.normalMoved(), Kept{}
	silent := func(said, before bool) bool { return !said && (u.Origin == nil || before) }
	was := Kept{}
	if u.Remains != nil && u.Remains.Kept != nil {
		was = *u.Remains.Kept
	}
	if silent(m.Roles != nil, was.Roles != nil) {
		k.Roles = now.Roles
	}
	if silent(m.Status != "", was.Status != "") {
		k.Status = now.Status
	}
	if silent(m.Preferences != nil, was.Preferences != nil) {
		k.Preferences = now.Preferences
	}
	if silent(m.Addresses != nil, was.Addresses != nil) {
		k.Addresses = &now.Addresses
	}
	if k.Roles == nil && k.Status == "" && k.Preferences == nil && k.Addresses == nil {
		return nil
	}
	return &k
}

// with gives the document with what is kept in the place of what it does not say.
func (m Moved) with(k *Kept) Moved {
	if k == nil {
		return m
	}
	if m.Roles == nil {
		m.Roles = k.Roles
	}
	if m.Status == "" {
		m.Status = k.Status
	}
	if m.Preferences == nil {
		m.Preferences = k.Preferences
	}
	if m.Addresses == nil && k.Addresses != nil {
		m.Addresses = *k.Addresses
	}
	return m
}

// sameAddresses gives the addresses the IDs that those had which say the same: whoever
// knows an address by its ID finds it. The others get the next free ones.
func sameAddresses(id string, next, held []Address) []Address {
	space, err := uuid.Parse(id)
	if err != nil {
		return next
	}
	used := map[string]bool{}
	for i := range next {
		next[i].ID = ""
		for _, h := range held {
			if a := h; !used[h.ID] {
				if a.ID = ""; a == next[i] {
					next[i].ID, used[h.ID] = h.ID, true
					break
				}
			}
		}
	}
	for i := range next {
		for place := i; next[i].ID == ""; place += MaxAddresses {
			if free := addressID(space, place); !used[free] {
				next[i].ID, used[free] = free, true
			}
		}
	}
	return next
}
