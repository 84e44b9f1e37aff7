package api

import (
	"tienda/internal/money"
	"tienda/services/orders/internal/order"
)

type exchangeAnswer struct {
	Status   order.ExchangeStatus `json:"status"`
	OrderID  string               `json:"order_id"`
	Value    money.Money          `json:"value"`
	Tax      money.Money          `json:"tax"`
	Lines    []swapAnswer         `json:"lines"`
	Reason   string               `json:"reason,omitempty"`
	Refunded *money.Money         `json:"refunded,omitempty"`
	Shipping *money.Money         `json:"shipping,omitempty"`
}

type swapAnswer struct {
	SKU         string      `json:"sku"`
	ExchangeSKU string      `json:"exchange_sku"`
	Quantity    int         `json:"quantity"`
	Value       money.Money `json:"value"`
}

func viewExchange(o *order.Order, x *order.Exchange) *exchangeAnswer {
	if x == nil {
		return nil
	}
	out := &exchangeAnswer{
		Status: x.Status, OrderID: x.OrderID, Value: o.Money(x.Value), Tax: o.Money(x.Tax), Lines: make([]swapAnswer, len(x.Swaps)), Reason: x.Reason,
	}
	for i, s := range x.Swaps {
		out.Lines[i] = swapAnswer{SKU: s.For, ExchangeSKU: s.SKU, Quantity: s.Quantity, Value: o.Money(s.Value)}
	}
	if x.Status == order.ExchangeRefused {
		refunded, shipping := o.Money(x.Refunded), o.Money(x.Shipping)
		out.Refunded, out.Shipping = &refunded, &shipping
	}
	return out
}
