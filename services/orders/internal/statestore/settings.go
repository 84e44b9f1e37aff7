package statestore

import (
	"context"

	"tienda/internal/state"
	"tienda/services/orders/internal/settings"
)

// The IDs of the documents of settings.
const (
	taxID      = "tax"
	shippingID = "shipping"
	paymentsID = "payments"
)

var (
	taxes     = state.Collection[settings.Tax]{Prefix: "settings:"}
	shippings = state.Collection[settings.Shipping]{Prefix: "settings:"}
	payments  = state.Collection[settings.Payments]{Prefix: "settings:"}
)

// Settings is the store of the settings.
type Settings struct{ db *state.DB }

// NewSettings gives the store of the settings in db.
func NewSettings(db *state.DB) *Settings { return &Settings{db: db} }

// Tax implements settings.Store. State: 1 get.
func (s *Settings) Tax(ctx context.Context) (t settings.Tax, err error) {
	err = s.db.View(ctx, func(tx *state.Tx) error {
		t, err = getTax(tx)
		return err
	})
	return t, err
}

// Shipping implements settings.Store. State: 1 get.
func (s *Settings) Shipping(ctx context.Context) (n settings.Shipping, err error) {
	err = s.db.View(ctx, func(tx *state.Tx) error {
		n, err = getShipping(tx)
		return err
	})
	return n, err
}

// PutTax implements settings.Store. State: 1 get, 1 save.
func (s *Settings) PutTax(ctx context.Context, t settings.Tax, check func(int64) error) (int64, error) {
	return put(ctx, s.db, taxes, taxID, t, check)
}

// PutShipping implements settings.Store. State: 1 get, 1 save.
func (s *Settings) PutShipping(ctx context.Context, n settings.Shipping, check func(int64) error) (int64, error) {
	return put(ctx, s.db, shippings, shippingID, n, check)
}

// Payments implements settings.Store. State: 1 get.
func (s *Settings) Payments(ctx context.Context) (p settings.Payments, err error) {
	err = s.db.View(ctx, func(tx *state.Tx) error {
		p, err = getPayments(tx)
		return err
	})
	return p, err
}

// PutPayments implements settings.Store. State: 1 get, 1 save.
func (s *Settings) PutPayments(ctx context.Context, p settings.Payments, check func(int64) error) (int64, error) {
	return put(ctx, s.db, payments, paymentsID, p, check)
}

func put[T any](ctx context.Context, db *state.DB, all state.Collection[T], id string, v T, check func(int64) error) (version int64, err error) {
	err = db.Update(ctx, func(tx *state.Tx) error {
		if version, err = all.Version(tx, id); err != nil {
			return err
		}
		if err := check(version); err != nil {
			return err
		}
		version++
		return all.Put(tx, id, v)
	})
	return version, err
}

func getTax(tx *state.Tx) (settings.Tax, error) {
	t, _, err := taxes.Get(tx, taxID)
	if err != nil {
		return t, err
	}
	t.Version, err = taxes.Version(tx, taxID)
	return t, err
}

func getShipping(tx *state.Tx) (settings.Shipping, error) {
	n, _, err := shippings.Get(tx, shippingID)
	if err != nil {
		return n, err
	}
	n.Version, err = shippings.Version(tx, shippingID)
	return n, err
}

func getPayments(tx *state.Tx) (settings.Payments, error) {
	p, _, err := payments.Get(tx, paymentsID)
	if err != nil {
		return p, err
	}
	p.Version, err = payments.Version(tx, paymentsID)
	return p, err
}
