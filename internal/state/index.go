package state

import (
	"fmt"
	"slices"
)

// indexPage is how many IDs an index document holds before it is closed.
const indexPage = 100

// Index is a list of IDs, newest first, for stores that cannot be scanned. Its
// newest IDs are in a head document, the older ones in closed pages of 100.
// An ID whose document is gone is harmless: readers leave it out.
type Index struct {
	Name string // unique in the store: "orders-of:<user>"
}

type indexHead struct {
	Closed int      `json:"closed"` // pages 0..Closed-1 exist
	IDs    []string `json:"ids"`    // oldest first
	Dated  []Dated  `json:"dated,omitempty"`
}

type indexClosed struct {
	IDs []string `json:"ids"`
}

var (
	heads = Collection[indexHead]{Prefix: "index:"}
	pages = Collection[indexClosed]{Prefix: "index:"}
)

// Key gives the head's key, for Tx.Load.
func (x Index) Key() string { return heads.Key(x.Name) }

func (x Index) page(n int) string { return fmt.Sprintf("%s:%d", x.Name, n) }

// Append adds an ID as the newest; one that is on the newest page already is
// left where it is, so that a repeat adds nothing.
func (x Index) Append(tx *Tx, id string) error {
	h, _, err := heads.Get(tx, x.Name)
	if err != nil {
		return err
	}
	if slices.Contains(h.IDs, id) {
		return nil
	}
	if len(h.IDs) >= indexPage {
		if err := pages.Put(tx, x.page(h.Closed), indexClosed{IDs: h.IDs}); err != nil {
			return err
		}
		h = indexHead{Closed: h.Closed + 1, Dated: h.Dated}
	}
	h.IDs = append(h.IDs, id)
	return heads.Put(tx, x.Name, h)
}

// Renew is Append that writes the newest page in any case, so that another update
// which has read it has a conflict.
func (x Index) Renew(tx *Tx, id string) error {
	if err := x.Append(tx, id); err != nil {
		return err
	}
	h, _, err := heads.Get(tx, x.Name)
	if err != nil {
		return err
	}
	return heads.Put(tx, x.Name, h)
}

// Remove takes an ID out, wherever it stands.
func (x Index) Remove(tx *Tx, id string) error {
	h, _, err := heads.Get(tx, x.Name)
	if err != nil {
		return err
	}
	if i := slices.Index(h.IDs, id); i >= 0 {
		h.IDs = slices.Delete(h.IDs, i, i+1)
		return heads.Put(tx, x.Name, h)
	}
	for n := h.Closed - 1; n >= 0; n-- {
		p, _, err := pages.Get(tx, x.page(n))
		if err != nil {
			return err
		}
		if i := slices.Index(p.IDs, id); i >= 0 {
			p.IDs = slices.Delete(p.IDs, i, i+1)
			return pages.Put(tx, x.page(n), p)
		}
	}
	return nil
}

// Position is where the next page of an Index starts; the zero Position is
// the newest ID. Before counts down from the page's end.
type Position struct {
	Page   int    `json:"p"` // 1 + number of the page; 0: the head
	Before string `json:"b"` // the last ID already seen on that page
}

// List gives up to limit IDs from a position on, newest first, and where the
// next call goes on; a nil next means the end.
func (x Index) List(tx *Tx, from Position, limit int) (ids []string, next *Position, err error) {
	h, _, err := heads.Get(tx, x.Name)
	if err != nil {
		return nil, nil, err
	}
	// The head that a position was taken from may have been closed since.
	pageNo, current := h.Closed, h.IDs
	if from.Page > 0 && from.Page-1 < h.Closed {
		pageNo = from.Page - 1
		p, _, err := pages.Get(tx, x.page(pageNo))
		if err != nil {
			return nil, nil, err
		}
		current = p.IDs
	}
	end := len(current)
	if from.Before != "" {
		if i := slices.Index(current, from.Before); i >= 0 {
			end = i
		}
	}
	for {
		for i := end - 1; i >= 0; i-- {
			if len(ids) == limit {
				return ids, &Position{Page: pageNo + 1, Before: ids[len(ids)-1]}, nil
			}
			ids = append(ids, current[i])
		}
		if pageNo == 0 {
			return ids, nil, nil
		}
		pageNo--
		p, _, err := pages.Get(tx, x.page(pageNo))
		if err != nil {
			return nil, nil, err
		}
		if len(ids) == limit && len(p.IDs) > 0 {
			return ids, &Position{Page: pageNo + 1}, nil
		}
		current, end = p.IDs, len(p.IDs)
	}
}
