package api

import (
	"cmp"
	"net/http"
	"time"

	"tienda/internal/httpapi"
	"tienda/internal/money"
	"tienda/services/orders/internal/order"
	"tienda/services/orders/internal/payment"
)

type orderAnswer struct {
	ID           string          `json:"id"`
	Number       string          `json:"number"`
	Status       order.Status    `json:"status"`
	UserID       string          `json:"user_id,omitempty"`
	Guest        bool            `json:"guest"`
	Email        string          `json:"email"`
	Language     string          `json:"language,omitempty"`
	Currency     string          `json:"currency"`
	Lines        []lineAnswer    `json:"lines"`
	Shipping     *shippingAnswer `json:"shipping,omitempty"`
	Totals       totals          `json:"totals"`
	Address      order.Address   `json:"address"`
	Payment      paymentAnswer   `json:"payment"`
	Refunds      []refundAnswer  `json:"refunds"`
	Returns      []returnAnswer  `json:"returns"`
	Shipments    []shipment      `json:"shipments"`
	Cancelled    []cancellation  `json:"cancellations,omitempty"`
	Replaces     string          `json:"replaces,omitempty"`
	Note         string          `json:"note,omitempty"`
	Tracking     string          `json:"tracking,omitempty"`
	CancelReason string          `json:"cancel_reason,omitempty"`
	CreatedAt    time.Time       `json:"created_at"`
	ConfirmedAt  time.Time       `json:"confirmed_at,omitzero"`
	ShippedAt    time.Time       `json:"shipped_at,omitzero"`
	DeliveredAt  time.Time       `json:"delivered_at,omitzero"`
	CancelledAt  time.Time       `json:"cancelled_at,omitzero"`
	Version      int64           `json:"version"`
}

type lineAnswer struct {
	SKU         string       `json:"sku"`
	Quantity    int          `json:"quantity"`
	ProductID   string       `json:"product_id,omitempty"`
	Slug        string       `json:"slug,omitempty"`
	Name        string       `json:"name,omitempty"`
	VariantName string       `json:"variant_name,omitempty"`
	Category    string       `json:"category,omitempty"`
	UnitPrice   *money.Money `json:"unit_price,omitempty"`
	LineTotal   *money.Money `json:"line_total,omitempty"`
	Backordered int          `json:"backordered,omitempty"`
	ExpectedAt  time.Time    `json:"expected_at,omitzero"`
	Cancelled   int          `json:"cancelled,omitempty"`
	*charge
}

type totals struct {
	Subtotal    money.Money `json:"subtotal"`
	Discount    money.Money `json:"discount"`
	Shipping    money.Money `json:"shipping"`
	Tax         money.Money `json:"tax"`
	Total       money.Money `json:"total"`
	TaxIncluded bool        `json:"tax_included"`
}

// viewTotals gives the sums of an order; one from before there were any has its total.
func viewTotals(o *order.Order) totals {
	t := o.Totals
	if t.Total != o.Total {
		t.Items, t.Total = o.Total, o.Total
	}
	return totals{o.Money(t.Items), o.Money(t.Discount), o.Money(t.Shipping), o.Money(t.Tax), o.Money(t.Total), t.TaxIncluded}
}

func viewLine(l order.Line, currency string) lineAnswer {
	out := lineAnswer{
		SKU: l.SKU, Quantity: l.Quantity, ProductID: l.ProductID, Slug: l.Slug, Name: l.Name, VariantName: l.VariantName, Category: l.Category,
		UnitPrice: l.UnitPrice, LineTotal: l.LineTotal, Backordered: l.Backordered, ExpectedAt: l.ExpectedAt, Cancelled: l.Cancelled,
	}
	if l.Charge != nil {
		c := viewCharge(*l.Charge, currency)
		out.charge = &c
	}
	return out
}

type paymentAnswer struct {
	Method   order.PaymentMethod `json:"method"`
	Status   order.PaymentStatus `json:"status"`
	Due      money.Money         `json:"due"`
	Paid     money.Money         `json:"paid"`
	Refunded money.Money         `json:"refunded"`
	Card     *cardAnswer         `json:"card,omitempty"`
	Outside  *outside            `json:"outside,omitempty"`
}

// outside is of a payment that was made in another system.
type outside struct {
	Reference string `json:"reference,omitempty"`
}

func viewOutside(o *order.Order) *outside {
	if o.Moved == nil {
		return nil
	}
	return &outside{Reference: o.Payment.Reference}
}

// unknownCountry is a code that ISO 3166 gives to no country.
const unknownCountry = "ZZ"

// viewAddress gives an address with something in every part that has to be there: of one
// that was moved in, parts may be missing.
func viewAddress(a order.Address) order.Address {
	for _, part := range []*string{&a.Name, &a.Line1, &a.City, &a.PostalCode} {
		*part = cmp.Or(*part, "-")
	}
	a.Country = cmp.Or(a.Country, unknownCountry)
	return a
}

// cardAnswer is what the payment provider is known to have done.
type cardAnswer struct {
	State      string          `json:"state"`
	Authorised money.Money     `json:"authorised"`
	Captured   money.Money     `json:"captured"`
	Refunded   money.Money     `json:"refunded"`
	Attempts   []attemptAnswer `json:"attempts"`
}

type attemptAnswer struct {
	Key       string         `json:"key"`
	Step      payment.Step   `json:"step"`
	Status    payment.Status `json:"status"`
	Amount    money.Money    `json:"amount"`
	Code      string         `json:"code,omitempty"`
	Reference string         `json:"reference,omitempty"`
	At        time.Time      `json:"at"`
	EndedAt   time.Time      `json:"ended_at,omitzero"`
}

func viewCard(o *order.Order) *cardAnswer {
	c := o.Payment.Card
	if c == nil {
		return nil
	}
	out := &cardAnswer{
		State: c.State(), Authorised: o.Money(c.Authorised()), Captured: o.Money(c.Captured()), Refunded: o.Money(c.Refunded()),
		Attempts: make([]attemptAnswer, len(c.Attempts)),
	}
	for i, a := range c.Attempts {
		out.Attempts[i] = attemptAnswer{
			Key: a.Key, Step: a.Step, Status: a.Status, Amount: o.Money(a.Amount), Code: a.Code, Reference: a.Reference, At: a.At, EndedAt: a.EndedAt,
		}
	}
	return out
}

type refundAnswer struct {
	ReturnID  string             `json:"return_id"`
	Amount    money.Money        `json:"amount"`
	Tax       money.Money        `json:"tax"`
	Shipping  money.Money        `json:"shipping"`
	Deducted  money.Money        `json:"deducted"`
	Lines     []order.RefundLine `json:"lines"`
	Exchange  *exchangeAnswer    `json:"exchange,omitempty"`
	CreatedAt time.Time          `json:"created_at"`
}

type returnAnswer struct {
	ReturnID  string             `json:"return_id"`
	Status    order.ReturnStatus `json:"status"`
	UpdatedAt time.Time          `json:"updated_at"`
}

type shipment struct {
	ID          string       `json:"id"`
	Lines       []order.Item `json:"lines"`
	Carrier     string       `json:"carrier,omitempty"`
	Tracking    string       `json:"tracking,omitempty"`
	TrackingURL string       `json:"tracking_url,omitempty"`
	ShippedAt   time.Time    `json:"shipped_at"`
	DeliveredAt time.Time    `json:"delivered_at,omitzero"`
}

func viewShipment(s order.Shipment) shipment {
	return shipment{s.ID, s.Lines, s.Carrier, s.Tracking, s.TrackingURL, s.ShippedAt, s.DeliveredAt}
}

type cancellation struct {
	ID        string       `json:"id"`
	Lines     []order.Item `json:"lines"`
	Reason    string       `json:"reason,omitempty"`
	Amount    money.Money  `json:"amount"`
	Tax       money.Money  `json:"tax"`
	Shipping  money.Money  `json:"shipping"`
	Refunded  money.Money  `json:"refunded"`
	CreatedAt time.Time    `json:"created_at"`
}

func viewCancellation(o *order.Order, c order.Cancellation) cancellation {
	return cancellation{c.ID, c.Lines, c.Reason, o.Money(c.Amount), o.Money(c.Tax), o.Money(c.Shipping), o.Money(c.Refunded), c.At}
}

type orderSummary struct {
	ID            string              `json:"id"`
	Number        string              `json:"number"`
	Status        order.Status        `json:"status"`
	Total         money.Money         `json:"total"`
	Quantity      int                 `json:"quantity"`
	PaymentStatus order.PaymentStatus `json:"payment_status"`
	PaymentMethod order.PaymentMethod `json:"payment_method"`
	UserID        string              `json:"user_id,omitempty"`
	CreatedAt     time.Time           `json:"created_at"`
}

func writeOrder(w http.ResponseWriter, status int, o *order.Order) error {
	httpapi.SetETag(w, o.Version)
	return httpapi.Write(w, status, viewOrder(o))
}

func viewOrder(o *order.Order) orderAnswer {
	user := o.Owner.UserID()
	out := orderAnswer{
		ID: o.ID, Number: o.Number, Status: o.Status, UserID: user, Guest: user == "", Email: o.Email, Language: o.Language,
		Currency: o.Currency, Lines: make([]lineAnswer, len(o.Lines)), Totals: viewTotals(o), Address: viewAddress(o.Address),
		Shipping: viewShipping(o.Shipping, o.Currency),
		Payment: paymentAnswer{
			Method: o.Payment.Method, Status: o.Payment.Status,
			Due: o.Money(o.Payment.Due), Paid: o.Money(o.Payment.Paid), Refunded: o.Money(o.Payment.Refunded),
			Card: viewCard(o), Outside: viewOutside(o),
		},
		Refunds: make([]refundAnswer, len(o.Refunds)), Returns: make([]returnAnswer, len(o.Returns)), Shipments: make([]shipment, len(o.Shipments)),
		Replaces: o.Replaces, Note: o.Note, Tracking: o.Tracking, CancelReason: o.CancelReason,
		CreatedAt: o.CreatedAt, ConfirmedAt: o.ConfirmedAt, ShippedAt: o.ShippedAt, DeliveredAt: o.DeliveredAt,
		CancelledAt: o.CancelledAt, Version: o.Version,
	}
	for i, l := range o.Lines {
		out.Lines[i] = viewLine(l, o.Currency)
	}
	for i, r := range o.Refunds {
		out.Refunds[i] = viewRefund(o, r)
	}
	for i, r := range o.Returns {
		out.Returns[i] = returnAnswer{ReturnID: r.ID, Status: r.Status, UpdatedAt: r.UpdatedAt}
	}
	for i, s := range o.Shipments {
		out.Shipments[i] = viewShipment(s)
	}
	for _, c := range o.Cancellations {
		out.Cancelled = append(out.Cancelled, viewCancellation(o, c))
	}
	return out
}

func viewRefund(o *order.Order, r order.Refund) refundAnswer {
	return refundAnswer{ReturnID: r.ReturnID, Amount: o.Money(r.Amount), Tax: o.Money(r.Tax), Shipping: o.Money(r.Shipping), Deducted: o.Money(r.Deducted), Lines: r.Lines, Exchange: viewExchange(o, r.Exchange), CreatedAt: r.CreatedAt}
}

func viewSummary(o *order.Order) orderSummary {
	return orderSummary{
		ID: o.ID, Number: o.Number, Status: o.Status, Total: o.Money(o.Total), Quantity: o.Quantity(),
		PaymentStatus: o.Payment.Status, PaymentMethod: o.Payment.Method, UserID: o.Owner.UserID(), CreatedAt: o.CreatedAt,
	}
}
