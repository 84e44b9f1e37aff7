package api

import (
	"errors"
	"io"
	"net/http"

	"tienda/internal/caller"
	"tienda/internal/httpapi"
	"tienda/services/orders/internal/order"
	"tienda/services/orders/internal/shopper"
)

// viewer says who looks at an order; nobody at all is asked to sign in.
func viewer(w http.ResponseWriter, r *http.Request) (order.Viewer, error) {
	s, _, err := who(w, r)
	if err != nil {
		return order.Viewer{}, err
	}
	if s.Owner() == "" {
		return order.Viewer{}, shopper.ErrNobody
	}
	c := caller.From(r.Context())
	return order.Viewer{Shopper: s, Staff: c.Is(caller.SupportAgent) || c.Has(caller.OrdersRead, caller.OrdersFulfil)}, nil
}

// getOrder: state 1 get.
func (a *API) getOrder(w http.ResponseWriter, r *http.Request) error {
	v, err := viewer(w, r)
	if err != nil {
		return err
	}
	return a.read(w, r, v)
}

// readOrder: state 1 get.
func (a *API) readOrder(w http.ResponseWriter, r *http.Request) error {
	return a.read(w, r, order.Viewer{Staff: true})
}

// orderStates: state 1 bulk get.
func (a *API) orderStates(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		IDs []string `json:"ids"`
	}
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	found, err := a.Orders.Statuses(r.Context(), in.IDs)
	if err != nil {
		return err
	}
	type state struct {
		ID     string       `json:"id"`
		Status order.Status `json:"status"`
	}
	out := struct {
		Items []state `json:"items"`
	}{Items: []state{}}
	for _, id := range in.IDs {
		if status, ok := found[id]; ok {
			out.Items = append(out.Items, state{id, status})
		}
	}
	return httpapi.Write(w, http.StatusOK, out)
}

func (a *API) read(w http.ResponseWriter, r *http.Request, v order.Viewer) error {
	o, err := a.Orders.Get(r.Context(), v, httpapi.Var(r, "id"))
	if err != nil {
		return err
	}
	return writeOrder(w, http.StatusOK, o)
}

// cancel: state 1 get, 1 save; 1 event.
func (a *API) cancel(w http.ResponseWriter, r *http.Request) error {
	v, err := viewer(w, r)
	if err != nil {
		return err
	}
	var in struct {
		Reason string `json:"reason"`
	}
	return act(w, r, &in, func(id string, version int64) (*order.Order, error) {
		return a.Orders.Cancel(r.Context(), v, id, in.Reason, version)
	})
}

// cancelLines: state 1 get, 1 save; 1 event. A repeat is 1 get. The card is asked in the
// background.
func (a *API) cancelLines(w http.ResponseWriter, r *http.Request) error {
	v, err := viewer(w, r)
	if err != nil {
		return err
	}
	var in struct {
		Lines  []order.Item `json:"lines"`
		Reason string       `json:"reason"`
	}
	return act(w, r, &in, func(id string, version int64) (*order.Order, error) {
		return a.Orders.CancelLines(r.Context(), v, id, r.Header.Get("Idempotency-Key"), in.Lines, in.Reason, version)
	})
}

// readdress: state 1 get, 1 save. A repeat is 1 get.
func (a *API) readdress(w http.ResponseWriter, r *http.Request) error {
	v, err := viewer(w, r)
	if err != nil {
		return err
	}
	var to order.Address
	return act(w, r, &to, func(id string, version int64) (*order.Order, error) {
		return a.Orders.Readdress(r.Context(), v, id, to, version)
	})
}

// dispatch: state 1 get, 1 save; 1 event. Of back-ordered lines 1 get and 1
// invocation more. A repeat is 1 get.
func (a *API) dispatch(w http.ResponseWriter, r *http.Request) error {
	var in order.Parcel
	return act(w, r, &in, func(id string, version int64) (*order.Order, error) {
		return a.Orders.Dispatch(r.Context(), id, r.Header.Get("Idempotency-Key"), in, version)
	})
}

// deliverShipment: state 1 get, 1 save; 1 event with the last one. A repeat is 1 get.
func (a *API) deliverShipment(w http.ResponseWriter, r *http.Request) error {
	return act(w, r, &struct{}{}, func(id string, version int64) (*order.Order, error) {
		return a.Orders.DeliverShipment(r.Context(), id, httpapi.Var(r, "shipment"), version)
	})
}

// ship: state 1 get, 1 save; 1 event. Of an order with back-ordered lines 1 get and 1
// invocation more.
func (a *API) ship(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Tracking string `json:"tracking"`
	}
	return act(w, r, &in, func(id string, version int64) (*order.Order, error) {
		return a.Orders.Ship(r.Context(), id, in.Tracking, version)
	})
}

// deliver: state 1 get, 1 save; 1 event.
func (a *API) deliver(w http.ResponseWriter, r *http.Request) error {
	return act(w, r, &struct{}{}, func(id string, version int64) (*order.Order, error) {
		return a.Orders.Deliver(r.Context(), id, version)
	})
}

// recapture: state 1 get, 1 save; a repeat is 1 get. The card is asked in the background.
func (a *API) recapture(w http.ResponseWriter, r *http.Request) error {
	return act(w, r, &struct{}{}, func(id string, version int64) (*order.Order, error) {
		return a.Orders.Recapture(r.Context(), id, version)
	})
}

// act runs one step of an order's life; its body may be left out.
func act(w http.ResponseWriter, r *http.Request, in any, fn func(id string, version int64) (*order.Order, error)) error {
	version, err := httpapi.IfMatch(r)
	if err != nil {
		return err
	}
	if err := httpapi.Decode(r, in); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	o, err := fn(httpapi.Var(r, "id"), version)
	if err != nil {
		return err
	}
	return writeOrder(w, http.StatusOK, o)
}

// refund: state 1 get, 1 save; 1 event. A repeat is 1 get. Where pieces are exchanged
// there is what checkout.Exchange does besides; what of that fails is done in the
// background, and the answer says that it is owed.
func (a *API) refund(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		ReturnID string             `json:"return_id"`
		Lines    []order.RefundLine `json:"lines"`
	}
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	o, made, err := a.Orders.Refund(r.Context(), httpapi.Var(r, "id"), in.ReturnID, in.Lines)
	if err != nil {
		return err
	}
	if _, owed := o.OwedExchange(); owed {
		if settled, err := a.Checkouts.Exchange(r.Context(), o); err == nil {
			o = settled
			made, _ = o.RefundOf(in.ReturnID)
		}
	}
	httpapi.SetETag(w, o.Version)
	return httpapi.Write(w, http.StatusOK, struct {
		Refund refundAnswer `json:"refund"`
		Order  orderAnswer  `json:"order"`
	}{viewRefund(o, made), viewOrder(o)})
}
