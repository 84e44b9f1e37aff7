package api

import (
	"tienda/internal/money"
	"tienda/services/orders/internal/pricing"
)

// charge is what a line or shipping costs, and why.
type charge struct {
	Discounts []discount  `json:"discounts"`
	Discount  money.Money `json:"discount"`
	Net       money.Money `json:"net"`
	TaxRate   int64       `json:"tax_rate"`
	Tax       money.Money `json:"tax"`
	Total     money.Money `json:"total"`
}

type discount struct {
	PromotionID string      `json:"promotion_id"`
	Code        string      `json:"code,omitempty"`
	Label       string      `json:"label"`
	Amount      money.Money `json:"amount"`
}

type shippingAnswer struct {
	Method string      `json:"method"`
	Name   string      `json:"name"`
	Price  money.Money `json:"price"`
	charge
}

func viewCharge(c pricing.Charge, currency string) charge {
	in := func(n int64) money.Money { return money.New(n, currency) }
	out := charge{
		Discounts: make([]discount, len(c.Discounts)), Discount: in(c.Discount()), Net: in(c.Net), TaxRate: c.Rate, Tax: in(c.Tax), Total: in(c.Total),
	}
	for i, d := range c.Discounts {
		out.Discounts[i] = discount{PromotionID: d.Promotion, Code: d.Code, Label: d.Label, Amount: in(d.Amount)}
	}
	return out
}

func viewShipping(s *pricing.Shipped, currency string) *shippingAnswer {
	if s == nil || s.Method == "" { // of an order that was moved in: totals have what it cost
		return nil
	}
	return &shippingAnswer{Method: s.Method, Name: s.Name, Price: money.New(s.List, currency), charge: viewCharge(s.Charge, currency)}
}
