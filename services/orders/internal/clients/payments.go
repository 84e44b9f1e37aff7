package clients

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	dapr "github.com/dapr/go-sdk/client"

	"tienda/services/orders/internal/payment"
)

// PaymentBinding is the name of the output binding to the payment provider, of the
// type bindings.http.
const PaymentBinding = "payments"

// Binder calls output bindings and hears their answer: the sidecar.
type Binder interface {
	InvokeBinding(ctx context.Context, in *dapr.InvokeBindingRequest) (*dapr.BindingEvent, error)
}

// Payments implements payment.Provider through the binding. What it has to know of
// bindings.http (1.18): metadata that begins with a capital letter are headers; path
// is added to the component's URL; with errorIfNot2XX the answer's body would be lost
// in an error, so that it is off; statusCode is the answer's status.
type Payments struct{ sidecar Binder }

// NewPayments gives the provider behind a sidecar.
func NewPayments(s Binder) *Payments { return &Payments{sidecar: s} }

type step struct {
	Amount   int64  `json:"amount,omitempty"`
	Currency string `json:"currency,omitempty"`
	Token    string `json:"token,omitempty"`
}

// operation is what the provider says of a key.
type operation struct {
	ID       string `json:"id"`
	Key      string `json:"key"`
	Status   string `json:"status"` // approved, declined, pending
	Code     string `json:"code"`
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
}

// Authorise implements payment.Provider. Sidecar: 1 binding, as the others.
func (p *Payments) Authorise(ctx context.Context, key string, amount int64, currency, token string) (payment.Outcome, error) {
	return p.post(ctx, "/v1/authorisations", key, step{Amount: amount, Currency: currency, Token: token})
}

// Capture implements payment.Provider.
func (p *Payments) Capture(ctx context.Context, key, of string, amount int64, currency string) (payment.Outcome, error) {
	return p.post(ctx, "/v1/authorisations/"+url.PathEscape(of)+"/captures", key, step{Amount: amount, Currency: currency})
}

// Void implements payment.Provider.
func (p *Payments) Void(ctx context.Context, key, of string) (payment.Outcome, error) {
	return p.post(ctx, "/v1/authorisations/"+url.PathEscape(of)+"/void", key, step{})
}

// Refund implements payment.Provider.
func (p *Payments) Refund(ctx context.Context, key, of string, amount int64, currency string) (payment.Outcome, error) {
	return p.post(ctx, "/v1/authorisations/"+url.PathEscape(of)+"/refunds", key, step{Amount: amount, Currency: currency})
}

// Lookup implements payment.Provider.
func (p *Payments) Lookup(ctx context.Context, key string) (payment.Outcome, error) {
	status, body, err := p.call(ctx, "get", "/v1/operations/"+url.PathEscape(key), "", nil)
	switch {
	case err != nil:
		return payment.Outcome{}, err
	case status == http.StatusNotFound && problemCode(body) == "operation_unknown":
		return payment.Outcome{Status: payment.Missing}, nil
	case status != http.StatusOK:
		return payment.Outcome{}, fmt.Errorf("payment provider: look-up of %s: status %d", key, status)
	}
	return read(key, body)
}

func (p *Payments) post(ctx context.Context, path, key string, in step) (payment.Outcome, error) {
	data, err := json.Marshal(in)
	if err != nil {
		return payment.Outcome{}, fmt.Errorf("payment %s: %w", key, err)
	}
	status, body, err := p.call(ctx, "post", path, key, data)
	if err != nil {
		return payment.Outcome{}, errors.New(payment.Redact(err.Error(), in.Token))
	}
	switch {
	case status/100 == 2, status == http.StatusPaymentRequired:
		return read(key, body)
	case refuses(status) && problemCode(body) != "idempotency_key_reused":
		return payment.Outcome{Status: payment.Declined, Code: problemCode(body)}, nil
	}
	return payment.Outcome{}, fmt.Errorf("payment provider: %s: status %d %s", key, status, problemCode(body))
}

// refuses says whether a status is the provider's last word on a request. Not so
// what a repeat can change: who we are, that the key is at work, too many requests.
func refuses(status int) bool {
	return status == http.StatusBadRequest || status == http.StatusNotFound || status == http.StatusUnprocessableEntity
}

func (p *Payments) call(ctx context.Context, operation, path, key string, data []byte) (status int, body []byte, err error) {
	meta := map[string]string{"path": path, "errorIfNot2XX": "false"}
	if key != "" {
		meta["Idempotency-Key"] = key
	}
	out, err := p.sidecar.InvokeBinding(ctx, &dapr.InvokeBindingRequest{Name: PaymentBinding, Operation: operation, Data: data, Metadata: meta})
	if err != nil {
		return 0, nil, fmt.Errorf("payment provider: %w", err)
	}
	if out == nil {
		return 0, nil, errors.New("payment provider: an empty answer")
	}
	status, err = strconv.Atoi(out.Metadata["statusCode"])
	if err != nil {
		return 0, nil, fmt.Errorf("payment provider: no status: %w", err)
	}
	return status, out.Data, nil
}

// read makes an outcome of an operation, which must be that of the key.
func read(key string, body []byte) (payment.Outcome, error) {
	var o operation
	if err := json.Unmarshal(body, &o); err != nil {
		return payment.Outcome{}, fmt.Errorf("payment provider: %s: %w", key, err)
	}
	out := payment.Outcome{Amount: o.Amount, Currency: o.Currency, Code: o.Code, Reference: o.ID}
	switch o.Status {
	case "approved":
		out.Status = payment.Approved
	case "declined":
		out.Status, out.Amount = payment.Declined, 0
	case "pending":
		out.Status = payment.Pending
	default:
		return payment.Outcome{}, fmt.Errorf("payment provider: %s has the status %.32q", key, o.Status)
	}
	if o.Key != key || o.ID == "" {
		return payment.Outcome{}, fmt.Errorf("payment provider: asked about %s, told about %.80q", key, o.Key)
	}
	return out, nil
}

func problemCode(body []byte) string {
	var p struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal(body, &p) // what is no problem document has no code
	return p.Code
}
