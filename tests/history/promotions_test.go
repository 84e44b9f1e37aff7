package history

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// given is a good run in which two orders, one of them sent back in part, have a
// promotion of a third that is for two.
func given() Run {
	r := good()
	r.Promotions = []Promotion{{ID: "p", Rate: 33_333, Limit: 2}}
	for i, o := range r.Final.Orders {
		switch o.ID {
		case "kept": // 500, of which 166.665 is off
			discount(&r.Final.Orders[i], 167)
		case "returned": // 1500, of which 499.995 is off; 2 of the 3 pieces came back
			discount(&r.Final.Orders[i], 500)
			r.Final.Orders[i].Refunds[0].Amount, r.Final.Orders[i].Refunded = 666, 666
		}
	}
	for i, c := range r.Calls {
		if c.Op == Checkout && (c.Key == "key-kept" || c.Key == "key-returned") {
			r.Calls[i].Promotion = "p"
			if c.Got != nil {
				got := *c.Got
				discount(&got, map[string]int64{"key-kept": 167, "key-returned": 500}[c.Key])
				r.Calls[i].Got = &got
			}
		}
	}
	r.Final.Returns[0].Refund = 666
	r.Final.Uses = []Uses{{Promotion: "p", Folded: 1, Open: []string{"kept"}}}
	return r
}

func discount(o *Order, off int64) {
	o.Lines = append([]Line(nil), o.Lines...)
	o.Lines[0].Off, o.Total, o.Promotions = off, o.Total-off, []string{"p"}
}

func TestPromotions(t *testing.T) {
	require.Empty(t, Check(given()))
	at := func(r *Run, id string) *Order {
		for i := range r.Final.Orders {
			if r.Final.Orders[i].ID == id {
				return &r.Final.Orders[i]
			}
		}
		return nil
	}
	for name, tt := range map[string]struct {
		breaks func(*Run)
		kind   Kind
	}{
		"used more often than it may":       {func(r *Run) { r.Promotions[0].Limit = 1 }, PromotionOver},
		"a use of a cancelled order":        {func(r *Run) { r.Final.Uses[0].Open = []string{"cancelled"} }, PromotionUses},
		"a use of an order without it":      {func(r *Run) { r.Final.Uses[0].Open = []string{"shipped"} }, PromotionUses},
		"a use of an order that is not":     {func(r *Run) { r.Final.Uses[0].Open = []string{"none"} }, PromotionUses},
		"an order named twice":              {func(r *Run) { r.Final.Uses[0].Open, r.Final.Uses[0].Folded = []string{"kept", "kept"}, 0 }, PromotionUses},
		"an order folded and named":         {func(r *Run) { r.Final.Uses[0].Folded = 2 }, PromotionUses},
		"a use that was lost":               {func(r *Run) { r.Final.Uses = nil }, PromotionUses},
		"a discount that nobody gave":       {func(r *Run) { at(r, "shipped").Lines[0].Off, at(r, "shipped").Total = 1, 999 }, OrderDiffers},
		"an order without what it asked":    {func(r *Run) { at(r, "kept").Promotions = nil }, OrderDiffers},
		"a refund of more than was paid":    {func(r *Run) { at(r, "returned").Refunds[0].Amount = 1000 }, RefundWrong},
		"a refund that forgets the remnant": {func(r *Run) { at(r, "returned").Refunds[0].Amount = 665 }, RefundWrong},
	} {
		t.Run(name, func(t *testing.T) {
			r := given()
			tt.breaks(&r)
			var kinds []Kind
			for _, v := range Check(r) {
				kinds = append(kinds, v.Kind)
			}
			require.Contains(t, kinds, tt.kind)
		})
	}
}
