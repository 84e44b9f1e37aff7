package pricing

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
)

// Store keeps the price lists, in one document, and what became of prices.
type Store interface {
	Lists(ctx context.Context) (Lists, error)
	UpdateLists(ctx context.Context, change func(*Lists) error) error
	// History gives up to limit changes of a SKU's prices, the newest first, from
	// a cursor on ("": the newest), and the cursor of the next; "": the end.
	History(ctx context.Context, sku string, limit int, cursor string) ([]Change, string, error)
}

// Board is what this replica knows of the price lists. The zero value has none.
type Board struct {
	book atomic.Pointer[Book]
	mu   sync.Mutex // held by whoever shows lists
	last Lists
	own  int64 // how often lists of this replica's own were shown
	tell []func()
}

// Book gives the lists by ID; not to be changed.
func (b *Board) Book() Book {
	if p := b.book.Load(); p != nil {
		return *p
	}
	return nil
}

// OnChange has f called whenever other lists are shown.
func (b *Board) OnChange(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tell = append(b.tell, f)
}

// show shows lists. The lock is held.
func (b *Board) show(l Lists) {
	if b.book.Load() != nil && slices.Equal(b.last, l) {
		return
	}
	book := l.Book()
	b.last = l
	b.book.Store(&book)
	for _, f := range b.tell {
		f()
	}
}

// Service is what staff do with price lists.
type Service struct {
	store Store
	board *Board
}

// NewService gives the service over its store, showing changes on board.
func NewService(store Store, board *Board) *Service { return &Service{store: store, board: board} }

// Book gives the lists by ID, not to be changed. No state call, but 1 get where
// none has been read yet: nothing is sold at a price that a list would change.
func (s *Service) Book(ctx context.Context) (Book, error) {
	if s.board.book.Load() == nil {
		if err := s.Refresh(ctx); err != nil {
			return nil, err
		}
	}
	return s.board.Book(), nil
}

// Refresh shows the lists as they are stored: 1 get. What this replica has changed
// meanwhile may be newer than what was read, and stays.
func (s *Service) Refresh(ctx context.Context) error {
	s.board.mu.Lock()
	own := s.board.own
	s.board.mu.Unlock()
	l, err := s.store.Lists(ctx)
	if err != nil {
		return err
	}
	s.board.mu.Lock()
	defer s.board.mu.Unlock()
	if s.board.own == own {
		s.board.show(l)
	}
	return nil
}

// Lists gives all lists as they are stored.
func (s *Service) Lists(ctx context.Context) (Lists, error) { return s.store.Lists(ctx) }

// History gives a page of what became of a SKU's prices, the newest first.
func (s *Service) History(ctx context.Context, sku string, limit int, cursor string) ([]Change, string, error) {
	return s.store.History(ctx, sku, limit, cursor)
}

// Create adds a list.
func (s *Service) Create(ctx context.Context, l List) (added List, err error) {
	return added, s.change(ctx, func(all *Lists) (err error) {
		added, err = all.Add(l)
		return err
	})
}

// Change states a list anew.
func (s *Service) Change(ctx context.Context, l List, version int64) (changed List, err error) {
	return changed, s.change(ctx, func(all *Lists) (err error) {
		changed, err = all.Change(l, version)
		return err
	})
}

// Delete removes a list.
func (s *Service) Delete(ctx context.Context, id string, version int64) error {
	return s.change(ctx, func(all *Lists) error { return all.Remove(id, version) })
}

func (s *Service) change(ctx context.Context, change func(*Lists) error) error {
	var after Lists
	err := s.store.UpdateLists(ctx, func(all *Lists) error {
		if err := change(all); err != nil {
			return err
		}
		after = slices.Clone(*all)
		return nil
	})
	if err == nil {
		s.board.mu.Lock()
		defer s.board.mu.Unlock()
		s.board.own++
		s.board.show(after)
	}
	return err
}
