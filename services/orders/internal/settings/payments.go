package settings

import (
	"context"
	"time"
)

// When a card is charged.
const (
	OnShipment = "on_shipment"
	AtOnce     = "at_once" // when the order is confirmed
)

// Payments is how cards are charged. Without it that is on shipment.
type Payments struct {
	Capture   string    `json:"capture"` // OnShipment or AtOnce; "": OnShipment
	UpdatedAt time.Time `json:"updated_at,omitzero"`
	Version   int64     `json:"-"` // of the document; 0: there is none
}

// AtOnce says whether a card is charged when its order is confirmed.
func (p Payments) AtOnce() bool { return p.Capture == AtOnce }

// Payments gives the payment settings.
func (s *Service) Payments(ctx context.Context) (Payments, error) { return s.store.Payments(ctx) }

// PutPayments is PutTax for the payment settings. Orders that there are keep what
// they were confirmed with.
func (s *Service) PutPayments(ctx context.Context, p Payments, version int64) (Payments, error) {
	p.UpdatedAt = s.now().UTC()
	var err error
	p.Version, err = s.store.PutPayments(ctx, p, expect(version))
	return p, err
}
