package rma

import (
	"fmt"
	"math/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/internal/money"
)

// sold is an order of 3 lamps for 100.00 and a bulb for 5.00, delivered at now.
func sold() Order {
	return Order{
		ID: "o", UserID: "ana", Delivered: true, DeliveredAt: now, Currency: "EUR", Bought: bought,
		Sold: map[string]Sold{"LAMP": {Category: "lamps", Paid: 10000}, "BULB": {Category: "bulbs", Paid: 500}},
	}
}

// strict has lamps back for 14 days, and bulbs never; what is damaged and not
// worth more than 70.00 needs no agent.
func strict() Policies {
	p := DefaultPolicies()
	p.Categories = []CategoryRules{
		{Category: "lamps", Rules: Rules{WindowDays: 14, Automatic: &Automatic{Reasons: []Reason{Damaged}, UpTo: []money.Money{money.New(6667, "EUR")}}}},
		{Category: "bulbs", Rules: Rules{}},
	}
	return p
}

func TestWindow(t *testing.T) {
	day := 24 * time.Hour
	tests := []struct {
		name   string
		line   Line
		after  time.Duration
		agent  bool
		code   string
		field  string
		reason string
	}{
		{"the first day", line("LAMP", 1), 0, false, "", "", ""},
		{"the last second", line("LAMP", 1), 14*day - time.Second, false, "", "", ""},
		{"too late", line("LAMP", 1), 14 * day, false, "return_window_over", "/lines/0/sku", "could be sent back until 2026-12-08T09:00:00Z"},
		{"too late for a customer only", line("LAMP", 1), 90 * day, true, "", "", ""},
		{"never", line("BULB", 1), 0, false, "not_returnable", "/lines/0/sku", "cannot be sent back"},
		{"never for a customer only", line("BULB", 1), 0, true, "", "", ""},
		{"no reason of the shop", Line{SKU: "LAMP", Quantity: 1, Reason: "moon"}, 0, true, "reason_unknown", "/lines/0/reason", "is not one of the reasons"},
		{"not in the order", line("SOFA", 1), 90 * day, false, "unknown_sku", "/lines/0/sku", "is not in the order"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := &OfOrder{}
			err := o.Open(Return{ID: "r", Lines: []Line{tt.line}}, sold(), strict(), tt.agent, now.Add(tt.after))
			if tt.code == "" {
				require.NoError(t, err)
				require.Len(t, o.Changes(), 1)
				return
			}
			var f *fault.Error
			require.ErrorAs(t, err, &f)
			require.Equal(t, tt.code, f.Code)
			require.Equal(t, []fault.Field{{Name: tt.field, Reason: tt.reason}}, f.Fields)
			require.Empty(t, o.Changes())
		})
	}
	old := sold()
	old.DeliveredAt = time.Time{}
	require.NoError(t, (&OfOrder{}).Open(Return{ID: "r", Lines: []Line{line("LAMP", 1)}}, old, strict(), false, now), "nobody knows when it was delivered")
}

func TestAutomaticApproval(t *testing.T) {
	tests := []struct {
		name  string
		lines []Line
		order func(*Order)
		after time.Duration
		want  Status
	}{
		{"up to the limit", []Line{line("LAMP", 2)}, nil, 0, Approved},
		{"over the limit", []Line{line("LAMP", 3)}, nil, 0, Requested},
		{"another reason", []Line{{SKU: "LAMP", Quantity: 1, Reason: Unwanted}}, nil, 0, Requested},
		{"a line whose rules have none", []Line{line("LAMP", 1), line("BULB", 1)}, nil, 0, Requested},
		{"another currency", []Line{line("LAMP", 1)}, func(o *Order) { o.Currency = "USD" }, 0, Requested},
		{"the window is over", []Line{line("LAMP", 1)}, nil, 15 * 24 * time.Hour, Requested},
		{"nobody knows what was paid", []Line{line("LAMP", 1)}, func(o *Order) { o.Sold = nil }, 0, Requested},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			order, o := sold(), &OfOrder{}
			if tt.order != nil {
				tt.order(&order)
			}
			require.NoError(t, o.Open(Return{ID: "r", Lines: tt.lines}, order, strict(), true, now.Add(tt.after)))
			require.Equal(t, tt.want, o.Returns[0].Status)
			require.Equal(t, tt.want == Approved, o.Returns[0].Automatic)
			require.Equal(t, int64(1), o.Returns[0].Version)
			require.NoError(t, o.Open(Return{ID: "r", Lines: tt.lines}, order, strict(), true, now.Add(tt.after)), "a repeat")
			require.Len(t, o.Changes(), 1)
		})
	}
}

// However a customer cuts what is sent back into returns, and whatever becomes of
// them, what was approved by no agent was worth no more than the limit.
func TestNobodyGetsAroundTheLimit(t *testing.T) {
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewSource(seed))
	for range 500 {
		n := 1 + rnd.Intn(20)
		order := Order{ID: "o", DeliveredAt: now, Currency: "EUR", Bought: map[string]int{"LAMP": n}, Sold: map[string]Sold{"LAMP": {Paid: rnd.Int63n(10000)}}}
		limit := rnd.Int63n(10000)
		p := DefaultPolicies()
		p.Default.Automatic = &Automatic{Reasons: []Reason{Damaged}, UpTo: []money.Money{money.New(limit, "EUR")}}
		o := &OfOrder{}
		for i := range 10 {
			id := fmt.Sprint(i)
			if err := o.Open(Return{ID: id, Lines: []Line{line("LAMP", 1+rnd.Intn(n))}}, order, p, false, now); err != nil {
				require.Equal(t, "quantity_exceeded", fault.CodeOf(err))
				continue
			}
			if rnd.Intn(4) == 0 {
				require.NoError(t, o.Reject(id, 0, "no", now))
			}
		}
		pieces := 0
		for _, r := range o.Returns {
			if r.Automatic && r.Status == Approved {
				pieces += r.Lines[0].Quantity
			}
		}
		require.LessOrEqual(t, order.Sold["LAMP"].Paid*int64(pieces), limit*int64(n))
	}
}

func TestPoliciesFitTogether(t *testing.T) {
	require.NoError(t, DefaultPolicies().Check())
	p := strict()
	require.NoError(t, p.Check())
	p.Default.Automatic = &Automatic{Reasons: []Reason{Damaged, "moon"}, UpTo: []money.Money{money.New(1, "EUR"), money.New(2, "EUR")}}
	p.Categories[1].Category = "lamps"
	p.Categories[1].Automatic = &Automatic{Reasons: []Reason{"sun"}}
	var f *fault.Error
	require.ErrorAs(t, p.Check(), &f)
	var fields []string
	for _, field := range f.Fields {
		fields = append(fields, field.Name)
	}
	require.Equal(t, []string{"/default/automatic/reasons/1", "/default/automatic/up_to/1/currency", "/categories/1/category", "/categories/1/automatic/reasons/0"}, fields)
}

func TestLabel(t *testing.T) {
	a, b := Label{Carrier: "Correos", Reference: "1"}, Label{Reference: "2"}
	for status := range next {
		o := has(t, status, line("LAMP", 2))
		err := o.SetLabel("r", 0, a, now)
		if status != Approved && status != PartiallyReceived {
			require.ErrorIs(t, err, ErrStatus, status)
			continue
		}
		require.NoError(t, err)
		before := o.Returns[0].Version
		require.NoError(t, o.SetLabel("r", before-1, a, now), "a repeat")
		require.ErrorIs(t, o.SetLabel("r", before-1, b, now), ErrVersion)
		require.NoError(t, o.SetLabel("r", before, b, now))
		require.Len(t, o.Changes(), 2)
		require.True(t, o.Changes()[1].Labelled)
		require.Equal(t, status, o.Returns[0].Status)
		require.Equal(t, "2", o.Returns[0].Label)
		require.Empty(t, o.Returns[0].Carrier)
	}
}
