package statestore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"tienda/internal/state"
	"tienda/services/users/internal/account"
	"tienda/services/users/internal/directory"
)

// The directory is the list of all accounts for stores that cannot be scanned,
// in dirShards parts by account: who is in it, in pages of dirPage, and who has
// changed of late, so that a replica that looks every second reads only those.
const (
	dirShards = shards
	dirPage   = 100
	dirRecent = 64
)

type dirHead struct {
	Closed  int      `json:"closed"`  // pages 0..Closed-1 exist
	IDs     []string `json:"ids"`     // of the page that is being filled
	Changes int64    `json:"changes"` // so far
	Recent  []string `json:"recent"`  // the accounts of the last ones, oldest first
}

type dirClosed struct {
	IDs []string `json:"ids"`
}

var (
	dirs     = state.Collection[dirHead]{Prefix: "directory:"}
	dirPages = state.Collection[dirClosed]{Prefix: "directory:"}
)

func dirID(userID string) string { return strconv.Itoa(shardOf(userID)) }

// dirOf gives the part that lists an account. Of those that were moved in it is the same
// for most of a batch, which then writes one part and not all of them.
func dirOf(u account.User) string {
	if u.Origin == nil {
		return dirID(u.ID)
	}
	return movedDir(u.ID, u.Origin.Key)
}

// movedDir is dirOf by the key in the other system: a hundred successive numbers are
// together, else IDs that begin alike.
func movedDir(userID, key string) string {
	near := userID[:min(2, len(userID))]
	if n, err := strconv.ParseUint(key[strings.LastIndexByte(key, ':')+1:], 10, 64); err == nil {
		near = strconv.FormatUint(n/100, 10)
	}
	return dirID(near)
}

func dirPageID(shard string, n int) string { return fmt.Sprintf("%s:%d", shard, n) }

// mark has every replica read an account again. add also takes it in; once too
// often does no harm.
func mark(tx *state.Tx, u account.User, add bool) error {
	shard := dirOf(u)
	d, _, err := dirs.Get(tx, shard)
	if err != nil {
		return err
	}
	if add {
		if err := d.add(tx, shard, u.ID); err != nil {
			return err
		}
	}
	d.tell(u.ID)
	return dirs.Put(tx, shard, d)
}

// tell notes that an account has changed.
func (d *dirHead) tell(userID string) {
	d.Changes++
	d.Recent = append(d.Recent, userID)
	d.Recent = d.Recent[max(0, len(d.Recent)-dirRecent):]
}

// list takes accounts in, part by part, without a word among the changes: replicas find
// them among the newest of their part, and a batch of new ones does not have them read all again.
func list(tx *state.Tx, accounts []account.User) error {
	byPart := map[string][]string{}
	for _, u := range accounts {
		byPart[dirOf(u)] = append(byPart[dirOf(u)], u.ID)
	}
	for _, shard := range slices.Sorted(maps.Keys(byPart)) {
		d, _, err := dirs.Get(tx, shard)
		if err != nil {
			return err
		}
		for _, id := range byPart[shard] {
			if slices.Contains(d.IDs, id) { // it was here before, and is back
				d.tell(id)
			} else if err := d.add(tx, shard, id); err != nil {
				return err
			}
		}
		if err := dirs.Put(tx, shard, d); err != nil {
			return err
		}
	}
	return nil
}

func (d *dirHead) add(tx *state.Tx, shard, userID string) error {
	if slices.Contains(d.IDs, userID) {
		return nil
	}
	if len(d.IDs) >= dirPage {
		if err := dirPages.Put(tx, dirPageID(shard, d.Closed), dirClosed{IDs: d.IDs}); err != nil {
			return err
		}
		d.Closed, d.IDs = d.Closed+1, nil
	}
	d.IDs = append(d.IDs, userID)
	return nil
}

// Directory implements directory.Source.
type Directory struct{ db *state.DB }

// NewDirectory gives the directory in db.
func NewDirectory(db *state.DB) *Directory { return &Directory{db: db} }

// Shards implements directory.Source: one read.
func (d *Directory) Shards(ctx context.Context) (out []directory.Shard, err error) {
	ids := make([]string, dirShards)
	for i := range ids {
		ids[i] = strconv.Itoa(i)
	}
	err = d.db.View(ctx, func(tx *state.Tx) error {
		if err := tx.Load(dirs.Keys(ids...)...); err != nil {
			return err
		}
		for _, id := range ids {
			h, _, err := dirs.Get(tx, id)
			if err != nil {
				return err
			}
			out = append(out, directory.Shard{Changes: h.Changes, Recent: h.Recent, Newest: h.IDs, Closed: h.Closed})
		}
		return nil
	})
	return out, err
}

// Page implements directory.Source: one read for 100 pages.
func (d *Directory) Page(ctx context.Context, shard, from, to int) (ids []string, err error) {
	var pages []string
	for n := from; n < to; n++ {
		pages = append(pages, dirPageID(strconv.Itoa(shard), n))
	}
	err = d.db.View(ctx, func(tx *state.Tx) error {
		found, err := dirPages.GetAll(tx, pages...)
		for _, p := range found {
			ids = append(ids, p.IDs...)
		}
		return err
	})
	return ids, err
}

// Load implements directory.Source: one read.
func (d *Directory) Load(ctx context.Context, ids []string) (out []directory.Entry, err error) {
	err = d.db.View(ctx, func(tx *state.Tx) error {
		found, err := users.GetAll(tx, ids...)
		for _, u := range found {
			if !u.Erased() {
				out = append(out, listed(u))
			}
		}
		return err
	})
	return out, err
}

func listed(u account.User) directory.Entry {
	return directory.Entry{
		ID: u.ID, Email: u.Email, Name: u.Name, Roles: u.Roles, Disabled: u.Disabled, CreatedAt: u.CreatedAt,
	}
}
