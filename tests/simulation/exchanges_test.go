package simulation

import (
	"encoding/json"
	"net/http"

	"tienda/tests/history"
)

// replaced does with what is sent in exchange what is done with any order.
func (p *person) replaced(agent *person, returnID string) {
	var r struct {
		Receipts []struct {
			Exchange *struct {
				OrderID string                 `json:"order_id"`
				Status  history.ExchangeStatus `json:"status"`
			} `json:"exchange"`
		} `json:"receipts"`
	}
	a := p.try("support", http.MethodGet, "/v1/returns/"+returnID, nil, nil, callLimit)
	if !a.ok() || json.Unmarshal(a.body, &r) != nil {
		return
	}
	for _, part := range r.Receipts {
		if x := part.Exchange; x == nil || x.Status != history.ExchangePlaced {
			continue
		}
		switch id := part.Exchange.OrderID; p.rng.IntN(3) {
		case 0:
			p.move(history.Cancel, "orders", id, "/v1/orders/"+id+"/cancel", map[string]string{"reason": "no"})
		case 1:
			agent.move(history.Ship, "orders", id, "/v1/orders/"+id+"/ship", map[string]string{})
		}
	}
}
