// Package history judges a run of the shop: what was asked and answered, and
// what is there in the end. A Run is plain data, so that it can come from real
// processes that were killed, or from a simulation, and be kept as JSON.
package history

import "time"

// SettleLimit is how long after the last fault everything may take to end.
const SettleLimit = 30 * time.Second

// Run is a whole run. All times are counted from its beginning, all amounts are
// in minor units of the one currency of the run.
type Run struct {
	Goods []Good `json:"goods"`
	// Promotions are those that count their uses; there are no others.
	Promotions []Promotion   `json:"promotions,omitempty"`
	Calls      []Call        `json:"calls"`
	LastFault  time.Duration `json:"last_fault"`
	Final      Final         `json:"final"`
}

// Good is a SKU as it was put on sale. Only its sale and its return change its
// stock.
type Good struct {
	SKU     string `json:"sku"`
	Initial int    `json:"initial"`
	Price   int64  `json:"price"`
	// Backorder is how many may be promised at once beyond what is there.
	Backorder int `json:"backorder,omitempty"`
}

// Promotion takes a part off all goods of as many orders as it is limited to.
type Promotion struct {
	ID    string `json:"id"`
	Rate  int64  `json:"rate"` // parts per 100,000
	Limit int    `json:"limit"`
}

// Op is what a call asks for.
type Op string

// The operations.
const (
	FillCart      Op = "fill_cart"
	Checkout      Op = "checkout"
	Cancel        Op = "cancel"
	CancelLines   Op = "cancel_lines" // some of an order, by a key
	Ship          Op = "ship"
	ShipPart      Op = "ship_part" // some of an order; more follows
	Deliver       Op = "deliver"
	AskReturn     Op = "ask_return"
	ApproveReturn Op = "approve_return"
	TakePart      Op = "take_part"      // some of a return came back; more follows
	CloseReturn   Op = "close_return"   // no more follows
	ReceiveReturn Op = "receive_return" // the rest came; it is refunded with it
	ReadStock     Op = "read_stock"
)

// The refusals of a checkout that a buyer can get who does nothing wrong.
const (
	OutOfStock = "out_of_stock"
	// Backordered refuses to ship what is not there yet.
	Backordered = "backordered"
	CartTaken   = "cart_empty_or_taken"
)

// Outcome is what a client makes of an answer.
type Outcome string

// The outcomes.
const (
	Done    Outcome = "done"    // acknowledged
	Refused Outcome = "refused" // a final answer: a repeat would only get it again
	Later   Outcome = "later"   // under way: to be asked again
	Unknown Outcome = "unknown" // 5xx, or no answer at all: to be asked again
)

// Call is one request and its answer. What does not belong to its Op is empty.
type Call struct {
	Buyer string        `json:"buyer"`
	Op    Op            `json:"op"`
	Key   string        `json:"key"` // the same in a request and its repeats; of a Checkout its Idempotency-Key
	Begin time.Duration `json:"begin"`
	End   time.Duration `json:"end"`

	Cart      string `json:"cart,omitempty"`      // of a Checkout: one filling of a cart, which makes one order at most
	Lines     []Item `json:"lines,omitempty"`     // of a Checkout: what is in the cart
	Promotion string `json:"promotion,omitempty"` // of a Checkout: the one whose code is in the cart
	Card      string `json:"card,omitempty"`      // of a Checkout: the token it is paid by; "": not by card
	Order     string `json:"order,omitempty"`     // that is cancelled, shipped, delivered, returned
	Return    string `json:"return,omitempty"`    // that is approved, received; of AskReturn: the one that was made
	Part      string `json:"part,omitempty"`      // of TakePart: the receipt

	Outcome Outcome `json:"outcome"`
	Answer  string  `json:"answer,omitempty"` // status and code, or the error: for the reader
	Code    string  `json:"code,omitempty"`   // of a problem; "": the refusal is not judged
	Got     *Order  `json:"got,omitempty"`    // of a Checkout that is Done
	Stock   *Stock  `json:"stock,omitempty"`  // of a ReadStock that is Done
}

// Item is a quantity of one SKU.
type Item struct {
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
}

// Line is an item of an order at the price it was sold for.
type Line struct {
	Item
	Price int64 `json:"price"`         // of one
	Off   int64 `json:"off,omitempty"` // of the whole line
}

// Final is what is there in the end.
type Final struct {
	At          time.Duration `json:"at"` // when it was looked at
	Orders      []Order       `json:"orders"`
	Returns     []Return      `json:"returns"`
	Stock       []Stock       `json:"stock"`
	Uses        []Uses        `json:"uses,omitempty"`
	Events      []Event       `json:"events"`       // as the broker has them, repeats included
	DeadLetters []DeadLetter  `json:"dead_letters"` // that nobody has replayed
	// Ledger says that Operations are all that the payment provider has done.
	Ledger     bool        `json:"ledger,omitempty"`
	Operations []Operation `json:"operations,omitempty"`
}

// Status is that of an order.
type Status string

// The statuses of an order.
const (
	Pending          Status = "pending"
	Confirmed        Status = "confirmed"
	PartiallyShipped Status = "partially_shipped"
	Shipped          Status = "shipped"
	Delivered        Status = "delivered"
	Cancelled        Status = "cancelled"
)

// Order is an order. Key and Cart say which checkout made it.
type Order struct {
	ID         string       `json:"id"`
	Key        string       `json:"key"`
	Cart       string       `json:"cart"`
	Status     Status       `json:"status"`
	Refused    bool         `json:"refused,omitempty"` // cancelled by its checkout: nothing was bought
	Lines      []Line       `json:"lines"`             // a refused order knows no prices
	Total      int64        `json:"total"`
	Promotions []string     `json:"promotions,omitempty"` // that count it
	Refunded   int64        `json:"refunded"`             // with what was cancelled after it was paid
	Refunds    []Refund     `json:"refunds,omitempty"`
	Shipments  []Shipment   `json:"shipments,omitempty"`
	Returns    []ReturnNews `json:"returns,omitempty"` // what orders has heard of its returns
	Card       *Card        `json:"card,omitempty"`    // nil: not paid by card
	// Cancellations are of lines that were not shipped yet.
	Cancellations []Cancellation `json:"cancellations,omitempty"`
	// Replaces is the order of which something came back that this one is sent for.
	Replaces string `json:"replaces,omitempty"`
}

// Shipment is what of an order was sent together.
type Shipment struct {
	ID    string `json:"id"`
	Lines []Item `json:"lines"`
}

// Refund is what was refunded for one return, or for one receipt of it.
type Refund struct {
	Return string       `json:"return"` // what support calls the refund
	Amount int64        `json:"amount"`
	Lines  []RefundLine `json:"lines"`

	Exchange *Exchange `json:"exchange,omitempty"`
}

// Exchange is what of a refund is replaced.
type Exchange struct {
	Order    string         `json:"order"` // the replacement
	Status   ExchangeStatus `json:"status"`
	Value    int64          `json:"value"`              // of what came back for it
	Refunded int64          `json:"refunded,omitempty"` // of a refused one
}

// ExchangeStatus is that of an exchange.
type ExchangeStatus string

// The statuses of an exchange.
const (
	ExchangeOwed    ExchangeStatus = "owed"
	ExchangePlaced  ExchangeStatus = "placed"
	ExchangeRefused ExchangeStatus = "refused"
)

// RefundLine is an item that came back.
type RefundLine struct {
	Item
	Restock   bool `json:"restock"`
	Deduction int  `json:"deduction_percent,omitempty"` // of what was paid, not refunded
	// Exchange is the SKU that is wanted for it; with a deduction it is refunded.
	Exchange string `json:"exchange_sku,omitempty"`
}

// ReturnNews is the status of a return as its order has heard of it.
type ReturnNews struct {
	Return string       `json:"return"`
	Status ReturnStatus `json:"status"`
}

// ReturnStatus is that of a return.
type ReturnStatus string

// The statuses of a return.
const (
	ReturnRequested ReturnStatus = "requested"
	ReturnApproved  ReturnStatus = "approved"
	ReturnInParts   ReturnStatus = "partially_received"
	ReturnReceived  ReturnStatus = "received"
	ReturnRefunded  ReturnStatus = "refunded"
	ReturnFailed    ReturnStatus = "refund_failed"
	ReturnRejected  ReturnStatus = "rejected"
)

// Return is a return.
type Return struct {
	ID     string       `json:"id"`
	Order  string       `json:"order"`
	Status ReturnStatus `json:"status"`
	Refund int64        `json:"refund"` // what support has noted
	// Receipts are the parts it came in; none for one that came whole, whose
	// refund has its ID.
	Receipts []Receipt `json:"receipts,omitempty"`
}

// Receipt is a part of a return that came back and is refunded by itself.
type Receipt struct {
	ID     string `json:"id"` // that of the return: the last part
	Refund string `json:"refund"`
	Noted  bool   `json:"noted"`          // support knows that it is refunded
	Owed   bool   `json:"owed,omitempty"` // support waits for its replacement
	// Lines are what its inspection has found; nil where the observer cannot see it.
	Lines []RefundLine `json:"lines,omitempty"`
}

// parts gives the receipts, of a return without any the one that it may be.
func (r Return) parts() []Receipt {
	if len(r.Receipts) > 0 {
		return r.Receipts
	}
	return []Receipt{{ID: r.ID, Refund: r.ID, Noted: true}}
}

// Stock is one SKU.
type Stock struct {
	SKU       string `json:"sku"`
	OnHand    int    `json:"on_hand"`
	Reserved  int    `json:"reserved"`
	Available int    `json:"available"`
	Sold      int    `json:"sold"`
	Waiting   int    `json:"backordered"` // promised, and not there
	// Held is what each order holds or waits for; nil where the observer cannot see it.
	Held map[string]int `json:"held,omitempty"`
	// Booked is what its ledger adds up to, of the last look; nil of a read.
	Booked *Booked `json:"booked,omitempty"`
}

// Booked is what the entries of a ledger add up to.
type Booked struct {
	All  int `json:"all"`
	Sold int `json:"sold"` // of those that are sales
}

// Uses is how often a promotion was used: by orders that are named, and by others.
type Uses struct {
	Promotion string   `json:"promotion"`
	Folded    int      `json:"folded"`
	Open      []string `json:"open"` // orders
}

// The events that the rules know. Others are allowed and tell them nothing.
const (
	OrderConfirmed = "tienda.orders.confirmed"
	OrderCancelled = "tienda.orders.cancelled"
	OrderShipped   = "tienda.orders.shipped"
	OrderDelivered = "tienda.orders.delivered"
	// OrderPartShipped is announced for each shipment of an order but the last.
	OrderPartShipped = "tienda.orders.partially_shipped"
	// OrderLinesCancelled is announced for each cancellation of lines but that of the last.
	OrderLinesCancelled = "tienda.orders.lines_cancelled"

	OrderRefunded  = "tienda.orders.refunded"
	OrderExchanged = "tienda.orders.exchanged"

	// ReturnPart is announced for each part of a return but the last.
	ReturnPart = "tienda.support.return_partially_received"

	returnPrefix = "tienda.support.return_" // followed by a ReturnStatus
)

// Event is what was announced. Subject is the order or the return it is about.
type Event struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	Subject string `json:"subject"`
	Return  string `json:"return,omitempty"` // of OrderRefunded and OrderExchanged: the refund's; of ReturnPart: the receipt; of OrderPartShipped: the shipment; of OrderLinesCancelled: the cancellation
}

// DeadLetter is an event that an app has not taken. Whether it was applied all
// the same is open: an app may have failed after the effect.
type DeadLetter struct {
	App string `json:"app"`
	Event
}
