package api

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"tienda/internal/fault"
	"tienda/internal/httpapi"
	"tienda/services/orders/internal/cashier"
	"tienda/services/orders/internal/payment"
)

// Callbacks takes in what a payment provider tells.
type Callbacks interface {
	Hear(ctx context.Context, c cashier.Callback) error
}

// Secrets gives what a payment provider signs with.
type Secrets interface {
	Callback(ctx context.Context, provider string) ([]byte, error)
}

// callback: state 1 get, 1 save; a secret once a minute; of a pending order its line
// in a list, 1 get and 1 save. A repeat is 1 get. Nothing is read before the
// signature is found good.
func (a *API) callback(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return fault.BadField("", "the body could not be read").Because(err)
	}
	secret, err := a.Secrets.Callback(r.Context(), httpapi.Var(r, "provider"))
	if err != nil {
		return err
	}
	if err := payment.Verify(secret, body, r.Header.Get("Payment-Signature"), time.Now()); err != nil {
		return err
	}
	var in struct {
		ID        string    `json:"id"`
		CreatedAt time.Time `json:"created_at"`
		Operation struct {
			ID       string         `json:"id"`
			Key      string         `json:"key"`
			Kind     string         `json:"kind"`
			Status   payment.Status `json:"status"`
			Code     string         `json:"code"`
			Amount   int64          `json:"amount"`
			Currency string         `json:"currency"`
		} `json:"operation"`
	}
	if err := json.Unmarshal(body, &in); err != nil { // the contract lets an operation have more
		return fault.BadField("", "does not fit this route").Because(err)
	}
	op := in.Operation
	out := payment.Outcome{Status: op.Status, Amount: op.Amount, Currency: op.Currency, Code: op.Code, Reference: op.ID}
	if out.Status == payment.Declined {
		out.Amount = 0
	}
	if err := a.Callbacks.Hear(r.Context(), cashier.Callback{ID: in.ID, Key: op.Key, Outcome: out, At: in.CreatedAt}); err != nil {
		return err
	}
	return httpapi.NoContent(w)
}
