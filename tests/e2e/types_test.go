package e2e

// What this suite reads of the answers; the contract checks the rest.

type money struct {
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
}

type user struct {
	ID    string   `json:"id"`
	Email string   `json:"email"`
	Roles []string `json:"roles"`
}

type address struct {
	ID         string `json:"id,omitempty"`
	Name       string `json:"name"`
	Line1      string `json:"line1"`
	City       string `json:"city"`
	PostalCode string `json:"postal_code"`
	Country    string `json:"country"`
}

type variant struct {
	SKU     string  `json:"sku"`
	Name    string  `json:"name"`
	Prices  []money `json:"prices"`
	InStock bool    `json:"in_stock"`
}

type product struct {
	ID       string    `json:"id"`
	Slug     string    `json:"slug"`
	Name     string    `json:"name"`
	Category string    `json:"category"`
	Variants []variant `json:"variants"`
}

type list[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor"`
}

type stock struct {
	SKU       string `json:"sku"`
	OnHand    int64  `json:"on_hand"`
	Reserved  int64  `json:"reserved"`
	Available int64  `json:"available"`
	Sold      int64  `json:"sold"`
}

type cart struct {
	Currency string `json:"currency"`
	Lines    []struct {
		SKU       string `json:"sku"`
		Quantity  int    `json:"quantity"`
		UnitPrice *money `json:"unit_price"`
		Available bool   `json:"available"`
	} `json:"lines"`
	Totals struct {
		Quantity int   `json:"quantity"`
		Subtotal money `json:"subtotal"`
	} `json:"totals"`
}

type order struct {
	ID       string `json:"id"`
	Number   string `json:"number"`
	Status   string `json:"status"`
	UserID   string `json:"user_id"`
	Guest    bool   `json:"guest"`
	Currency string `json:"currency"`
	Version  int64  `json:"version"`
	Lines    []struct {
		SKU       string `json:"sku"`
		Quantity  int    `json:"quantity"`
		UnitPrice money  `json:"unit_price"`
		LineTotal money  `json:"line_total"`
	} `json:"lines"`
	Totals struct {
		Subtotal money `json:"subtotal"`
		Total    money `json:"total"`
	} `json:"totals"`
	Address address `json:"address"`
	Payment struct {
		Status   string `json:"status"`
		Due      money  `json:"due"`
		Paid     money  `json:"paid"`
		Refunded money  `json:"refunded"`
	} `json:"payment"`
	Refunds []struct {
		ReturnID string `json:"return_id"`
		Amount   money  `json:"amount"`
	} `json:"refunds"`
	Shipments []struct {
		ID       string `json:"id"`
		Tracking string `json:"tracking"`
	} `json:"shipments"`
	Cancellations []struct {
		Amount   money `json:"amount"`
		Refunded money `json:"refunded"`
	} `json:"cancellations"`
	Returns []struct {
		ReturnID string `json:"return_id"`
		Status   string `json:"status"`
	} `json:"returns"`
}

type ticket struct {
	ID         string  `json:"id"`
	Number     string  `json:"number"`
	Status     string  `json:"status"`
	AssignedTo *string `json:"assigned_to"`
	Priority   string  `json:"priority"`
	Queue      string  `json:"queue"`
	Version    int64   `json:"version"`
}

type returned struct {
	ID     string `json:"id"`
	Status string `json:"status"`
	Refund *money `json:"refund"`
}
