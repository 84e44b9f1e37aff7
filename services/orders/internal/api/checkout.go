package api

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"

	"tienda/internal/country"
	"tienda/internal/fault"
	"tienda/internal/httpapi"
	"tienda/internal/mail"
	"tienda/internal/money"
	"tienda/services/orders/internal/checkout"
	"tienda/services/orders/internal/order"
)

type checkoutRequest struct {
	Currency      string              `json:"currency,omitempty"`
	Email         string              `json:"email,omitempty"`
	Address       *order.Address      `json:"address,omitempty"`
	AddressID     string              `json:"address_id,omitempty"`
	PaymentMethod order.PaymentMethod `json:"payment_method"`
	PaymentToken  string              `json:"payment_token,omitempty"`
	Note          string              `json:"note,omitempty"`
	Shipping      string              `json:"shipping_method,omitempty"`
	Expected      *money.Money        `json:"expected_total,omitempty"`
}

var errCountry = fault.New(fault.Unprocessable, "country_unknown", "There is no such country.").
	At("/address/country", "is not a country of ISO 3166")

// check refuses what a schema cannot: a pair of letters that is no country.
// An address of the account was checked when it was stored there.
func (c checkoutRequest) check() error {
	if c.Address != nil && !country.Valid(c.Address.Country) {
		return errCountry
	}
	return nil
}

// fingerprint is the same for two requests that ask for the same, however
// their JSON is written.
func (c checkoutRequest) fingerprint(r *http.Request) (string, error) {
	body, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("checkout: %w", err)
	}
	sum := sha256.Sum256(append([]byte(r.Method+" "+r.URL.Path+"\n"), body...))
	return hex.EncodeToString(sum[:]), nil
}

// checkout: state 1 bulk get (cart, order, head of the owner's list), 1
// transaction (the three), 1 get and 1 save (the order, confirmed);
// invocations 1 (the reservation), and 1 to users where the request of a
// signed-in caller leaves e-mail, currency or address open. A guest's
// checkout is 5 calls to the sidecar. Promotions, tax and shipping add none, but
// for promotions that count their uses: 1 bulk get, 1 transaction, however many,
// and shared with checkouts of the same moment. A card adds the call of the payment
// binding: 6 calls for a guest (docs/adr/0025). A repeat of a settled one is 1.
func (a *API) checkout(w http.ResponseWriter, r *http.Request) error {
	s, _, err := who(w, r)
	if err != nil {
		return err
	}
	var in checkoutRequest
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	if err := in.check(); err != nil {
		return err
	}
	sum, err := in.fingerprint(r)
	if err != nil {
		return err
	}
	o, replayed, err := a.Checkouts.Submit(r.Context(), s, checkout.Request{
		Key: r.Header.Get("Idempotency-Key"), Fingerprint: sum, Currency: in.Currency, Email: in.Email,
		Address: in.Address, AddressID: in.AddressID, Method: in.PaymentMethod, Token: in.PaymentToken, Note: in.Note,
		Language: mail.Language(r.Header.Get("Accept-Language")),
		Shipping: in.Shipping, Expected: in.Expected,
	})
	if err != nil {
		return err
	}
	if replayed {
		w.Header().Set("Idempotency-Replayed", "true")
	}
	w.Header().Set("Location", "/v1/orders/"+o.ID)
	if o.Status == order.Pending { // the payment provider has not told
		return writeOrder(w, http.StatusAccepted, o)
	}
	return writeOrder(w, http.StatusCreated, o)
}
