package rma

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/internal/money"
)

var (
	now    = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	bought = map[string]int{"LAMP": 3, "BULB": 1}
)

func line(sku string, n int) Line { return Line{SKU: sku, Quantity: n, Reason: Damaged} }

// has gives a document with one return in a status.
func has(t *testing.T, status Status, lines ...Line) *OfOrder {
	t.Helper()
	o := &OfOrder{OrderID: "o"}
	require.NoError(t, o.Request(Return{ID: "r", OrderID: "o", Lines: lines}, bought))
	if status == Rejected {
		require.NoError(t, o.Reject("r", 0, "worn", now))
	}
	if status == Approved || status == PartiallyReceived || status.Back() {
		require.NoError(t, o.Approve("r", 0, Label{}, now))
	}
	if status == PartiallyReceived {
		require.NoError(t, o.Take("r", "p", 0, []Came{{SKU: lines[0].SKU, Quantity: 1, Restock: true}}, now))
	}
	if status.Back() {
		require.NoError(t, o.Receive("r", 0, nil, now))
	}
	if status == Refunded {
		require.NoError(t, o.Refunded("r", money.New(1, "EUR"), now))
	}
	if status == RefundFailed {
		require.NoError(t, o.RefundRefused("r", "no", now))
	}
	o.changes = nil
	return o
}

func TestNoLineIsReturnedMoreOftenThanItWasBought(t *testing.T) {
	tests := []struct {
		name   string
		before *OfOrder
		ask    []Line
		code   string
		fields []string
	}{
		{"all of it", &OfOrder{}, []Line{line("LAMP", 3), line("BULB", 1)}, "", nil},
		{"too many", &OfOrder{}, []Line{line("BULB", 1), line("LAMP", 4)}, "quantity_exceeded", []string{"/lines/1/quantity"}},
		{"never bought", &OfOrder{}, []Line{line("SOFA", 1)}, "unknown_sku", []string{"/lines/0/sku"}},
		{"twice", &OfOrder{}, []Line{line("LAMP", 1), line("LAMP", 1)}, "duplicate_sku", []string{"/lines/1/sku"}},
		{"every bad line is named", &OfOrder{}, []Line{line("SOFA", 1), line("BULB", 2)}, "unknown_sku", []string{"/lines/0/sku", "/lines/1/quantity"}},
		{"the rest", has(t, Requested, line("LAMP", 2)), []Line{line("LAMP", 1)}, "", nil},
		{"more than the rest", has(t, Requested, line("LAMP", 2)), []Line{line("LAMP", 2)}, "quantity_exceeded", []string{"/lines/0/quantity"}},
		{"after a refund", has(t, Refunded, line("LAMP", 3)), []Line{line("LAMP", 1)}, "quantity_exceeded", []string{"/lines/0/quantity"}},
		{"after a rejection", has(t, Rejected, line("LAMP", 3)), []Line{line("LAMP", 3)}, "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			had := len(tt.before.Returns)
			err := tt.before.Request(Return{ID: "new", Lines: tt.ask}, bought)
			if tt.code == "" {
				require.NoError(t, err)
				require.Equal(t, Requested, tt.before.Changes()[0].Status)
				return
			}
			var f *fault.Error
			require.ErrorAs(t, err, &f)
			require.Equal(t, tt.code, f.Code)
			require.Equal(t, fault.Unprocessable, f.Kind)
			var fields []string
			for _, field := range f.Fields {
				fields = append(fields, field.Name)
			}
			require.Equal(t, tt.fields, fields)
			require.Len(t, tt.before.Returns, had)
		})
	}
}

// What did not come back can be asked for again.
func TestPartlyReceived(t *testing.T) {
	o := has(t, Approved, line("LAMP", 3))
	require.NoError(t, o.Receive("r", 0, []Came{{SKU: "LAMP", Quantity: 1, Restock: false}}, now))
	r, err := o.Find("r")
	require.NoError(t, err)
	require.Equal(t, []Came{{SKU: "LAMP", Quantity: 1, Restock: false}}, r.CameBack())
	require.Error(t, o.Request(Return{ID: "x", Lines: []Line{line("LAMP", 3)}}, bought))
	require.NoError(t, o.Request(Return{ID: "y", Lines: []Line{line("LAMP", 2)}}, bought))
}

func TestTransitions(t *testing.T) {
	do := map[Status]func(*OfOrder) error{
		Approved: func(o *OfOrder) error { return o.Approve("r", 0, Label{}, now) },
		Rejected: func(o *OfOrder) error { return o.Reject("r", 0, "worn", now) },
		Received: func(o *OfOrder) error { return o.Receive("r", 0, nil, now) },
		Refunded: func(o *OfOrder) error { return o.Refunded("r", money.New(1, "EUR"), now) },

		RefundFailed: func(o *OfOrder) error { return o.RefundRefused("r", "no", now) },

		PartiallyReceived: func(o *OfOrder) error {
			return o.Take("r", "p", 0, []Came{{SKU: "LAMP", Quantity: 1, Restock: true}}, now)
		},
	}
	for from := range next {
		for to, act := range do {
			o := has(t, from, line("LAMP", 2))
			before := o.Returns[0]
			err := act(o)
			switch {
			case from.may(to):
				require.NoError(t, err, "%s to %s", from, to)
				require.Equal(t, to, o.Returns[0].Status)
				require.Equal(t, before.Version+1, o.Returns[0].Version)
				require.Len(t, o.Changes(), 1)
			case from == to || from == Refunded && (to == Received || to == RefundFailed):
				require.NoError(t, err, "%s again", to)
				require.Empty(t, o.Changes())
			default:
				require.ErrorIs(t, err, ErrStatus, "%s to %s", from, to)
				require.Equal(t, before, o.Returns[0])
			}
		}
	}
}

func TestReceive(t *testing.T) {
	tests := []struct {
		name string
		came []Came
		code string
	}{
		{"not in the return", []Came{{SKU: "BULB", Quantity: 1, Restock: true}}, "unknown_sku"},
		{"twice", []Came{{SKU: "LAMP", Quantity: 1, Restock: true}, {SKU: "LAMP", Quantity: 1, Restock: true}}, "duplicate_sku"},
		{"more than was asked", []Came{{SKU: "LAMP", Quantity: 3, Restock: true}}, "quantity_exceeded"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := has(t, Approved, line("LAMP", 2))
			require.Equal(t, tt.code, fault.CodeOf(o.Receive("r", 0, tt.came, now)))
			require.Empty(t, o.Changes())
		})
	}
	o := has(t, Received, line("LAMP", 2))
	require.NoError(t, o.Receive("r", 0, []Came{{SKU: "LAMP", Quantity: 2, Restock: true}}, now), "the same again")
	require.ErrorIs(t, o.Receive("r", 0, []Came{{SKU: "LAMP", Quantity: 1, Restock: true}}, now), ErrReceived)
	require.ErrorIs(t, o.Approve("x", 0, Label{}, now), ErrMissing)
}

// A refund that failed is tried again with what came back, or with what the
// agent now says came back; the reason goes.
func TestReceiveAfterAFailedRefund(t *testing.T) {
	tests := []struct {
		name string
		came []Came
		want []Came
		code string
	}{
		{"as it was", nil, []Came{{SKU: "LAMP", Quantity: 2, Restock: true}, {SKU: "BULB", Quantity: 1, Restock: true}}, ""},
		{"other lines", []Came{{SKU: "LAMP", Quantity: 1, Restock: false}}, []Came{{SKU: "LAMP", Quantity: 1, Restock: false}}, ""},
		{"too much", []Came{{SKU: "BULB", Quantity: 1, Restock: true}, {SKU: "LAMP", Quantity: 3, Restock: false}}, []Came{{SKU: "LAMP", Quantity: 2, Restock: true}, {SKU: "BULB", Quantity: 1, Restock: true}}, "quantity_exceeded"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := has(t, RefundFailed, line("LAMP", 2), line("BULB", 1))
			require.Equal(t, "no", o.Returns[0].Failure)
			require.Equal(t, "quantity_exceeded", fault.CodeOf(o.Request(Return{ID: "x", Lines: []Line{line("LAMP", 2)}}, bought)), "the goods stay claimed")
			err := o.Receive("r", 0, tt.came, now)
			r := o.Returns[0]
			require.Equal(t, tt.want, r.CameBack())
			if tt.code != "" {
				require.Equal(t, tt.code, fault.CodeOf(err))
				require.Equal(t, RefundFailed, r.Status)
				return
			}
			require.NoError(t, err)
			require.Equal(t, Received, r.Status)
			require.Empty(t, r.Failure)
		})
	}
}

// A client that lost the answer repeats its request with the version that it
// had read before.
func TestRepeatNamesTheOldVersion(t *testing.T) {
	tests := map[Status]func(o *OfOrder, version int64) error{
		Approved: func(o *OfOrder, version int64) error { return o.Approve("r", version, Label{}, now) },
		Rejected: func(o *OfOrder, version int64) error { return o.Reject("r", version, "worn", now) },
		Received: func(o *OfOrder, version int64) error { return o.Receive("r", version, nil, now) },
		Refunded: func(o *OfOrder, version int64) error { return o.Receive("r", version, nil, now) },
	}
	for status, act := range tests {
		o := has(t, status, line("LAMP", 1))
		require.NoError(t, act(o, 1), "%s again", status)
		require.Empty(t, o.Changes())
	}
	require.ErrorIs(t, has(t, Requested, line("LAMP", 1)).Approve("r", 9, Label{}, now), ErrVersion)
	require.ErrorIs(t, has(t, Approved, line("LAMP", 1)).Receive("r", 1, nil, now), ErrVersion)
}

func TestOneOrderHasSoManyReturns(t *testing.T) {
	o := &OfOrder{}
	for n := range MaxPerOrder {
		require.NoError(t, o.Request(Return{ID: strconv.Itoa(n)}, bought))
	}
	require.True(t, errors.Is(o.Request(Return{ID: "r"}, bought), ErrTooMany))
}

// What is left of an attempt that was kept in part is not asked for twice.
func TestRequestThatIsThere(t *testing.T) {
	o := &OfOrder{}
	r := Return{ID: "r", Lines: []Line{line("LAMP", 1)}}
	require.NoError(t, o.Request(r, bought))
	require.NoError(t, o.Request(r, bought))
	require.Len(t, o.Returns, 1)
	require.Len(t, o.Changes(), 1)
}
