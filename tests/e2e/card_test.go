package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
)

type cardOrder struct {
	ID      string `json:"id"`
	Status  string `json:"status"`
	Payment struct {
		Status string `json:"status"`
		Due    money  `json:"due"`
		Paid   money  `json:"paid"`
		Card   struct {
			State    string `json:"state"`
			Captured money  `json:"captured"`
			Refunded money  `json:"refunded"`
			Attempts []struct {
				Key    string `json:"key"`
				Step   string `json:"step"`
				Status string `json:"status"`
			} `json:"attempts"`
		} `json:"card"`
	} `json:"payment"`
}

// sums is what the sandbox's ledger has of an order: operations by "kind status",
// and what they add up to.
type sums struct {
	count       map[string]int
	taken, back int64
}

func ledger(t testing.TB, orderID string) sums {
	t.Helper()
	resp, err := http.Get(the.Sandbox + "/v1/operations")
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	var l list[struct {
		Key    string `json:"key"`
		Kind   string `json:"kind"`
		Status string `json:"status"`
		Amount int64  `json:"amount"`
	}]
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &l))
	out := sums{count: map[string]int{}}
	for _, o := range l.Items {
		if !strings.HasPrefix(o.Key, orderID) {
			continue
		}
		out.count[o.Kind+" "+o.Status]++
		switch o.Kind + " " + o.Status {
		case "capture approved":
			out.taken += o.Amount
		case "refund approved":
			out.back += o.Amount
		}
	}
	return out
}

// cardShopper is a customer with two pieces of a product of 12.50 in the cart.
func cardShopper(t testing.TB) (c *client, sku, key string) {
	t.Helper()
	_, sku = ownProduct(t, 10)
	c, _ = newCustomer(t)
	put(t, c, sku, 2)
	return c, sku, uuid.NewString()
}

const cardTotal = 2 * 1250

func payBy(token string) map[string]any {
	return map[string]any{"payment_method": "card", "payment_token": token, "address": madrid, "currency": "EUR"}
}

func readCard(t testing.TB, c *client, id string) cardOrder {
	t.Helper()
	return must[cardOrder](t, c, http.StatusOK, "GET", "/v1/orders/"+id, nil)
}

func shipped(t testing.TB, c *client, id string) {
	t.Helper()
	must[any](t, staff(t, caller.SupportAgent), http.StatusOK, "POST", "/v1/orders/"+id+"/ship", nil)
}

// Bought by card, charged when it is shipped, given back with the return.
func TestCardFromCheckoutToRefund(t *testing.T) {
	c, sku, key := cardShopper(t)
	o := must[cardOrder](t, c, http.StatusCreated, "POST", "/v1/orders", payBy("sandbox_approves"), "Idempotency-Key", key)
	require.Equal(t, []string{"confirmed", "authorised"}, []string{o.Status, o.Payment.Status})
	again := must[cardOrder](t, c, http.StatusCreated, "POST", "/v1/orders", payBy("sandbox_approves"), "Idempotency-Key", key)
	require.Equal(t, o.ID, again.ID)
	require.Equal(t, sums{count: map[string]int{"authorise approved": 1}}, ledger(t, o.ID))
	shipped(t, c, o.ID)
	shipped(t, c, o.ID)
	eventually(t, "the card is charged", func() bool { return readCard(t, c, o.ID).Payment.Status == "paid" })
	agent := staff(t, caller.SupportAgent)
	must[any](t, agent, http.StatusOK, "POST", "/v1/orders/"+o.ID+"/deliver", nil)
	r := must[returned](t, c, http.StatusCreated, "POST", "/v1/returns", map[string]any{
		"order_id": o.ID, "lines": []map[string]any{{"sku": sku, "quantity": 1, "reason": "damaged"}}})
	must[returned](t, agent, http.StatusOK, "POST", "/v1/returns/"+r.ID+"/approve", nil)
	const worn = 1250 - 1250/5
	found := map[string]any{"lines": []map[string]any{{"sku": sku, "quantity": 1, "deduction_percent": 20, "deduction_reason": "opened"}}}
	for range 2 {
		must[returned](t, agent, http.StatusOK, "POST", "/v1/returns/"+r.ID+"/receive", found)
	}
	eventually(t, "the card gets its money back, less the deduction", func() bool { return readCard(t, c, o.ID).Payment.Card.Refunded.Amount == worn })
	got := ledger(t, o.ID)
	require.Equal(t, []int64{cardTotal, worn}, []int64{got.taken, got.back})
	require.Equal(t, map[string]int{"authorise approved": 1, "capture approved": 1, "refund approved": 1}, got.count)
}

func TestCardDeclined(t *testing.T) {
	c, sku, key := cardShopper(t)
	for range 2 {
		p := c.refused(t, http.StatusUnprocessableEntity, "POST", "/v1/orders", payBy("sandbox_declines"), "Idempotency-Key", key)
		require.Equal(t, "payment_declined", p.Code)
		require.Equal(t, []string{"/payment_token"}, p.names())
	}
	eventually(t, "the stock is free again", func() bool { return stockOf(t, sku).Available == 10 })
	require.Len(t, must[cart](t, c, http.StatusOK, "GET", "/v1/cart", nil).Lines, 1)
	must[cardOrder](t, c, http.StatusCreated, "POST", "/v1/orders", payBy("sandbox_approves"), "Idempotency-Key", uuid.NewString())
}

// The money does not come: the order says so, and nothing is paid.
func TestCaptureDeclined(t *testing.T) {
	c, _, key := cardShopper(t)
	o := must[cardOrder](t, c, http.StatusCreated, "POST", "/v1/orders", payBy("sandbox_declines_capture"), "Idempotency-Key", key)
	shipped(t, c, o.ID)
	eventually(t, "the capture is declined", func() bool {
		a := readCard(t, c, o.ID).Payment.Card.Attempts
		return a[len(a)-1].Step == "capture" && a[len(a)-1].Status == "declined"
	})
	o = readCard(t, c, o.ID)
	require.Equal(t, "due", o.Payment.Status)
	require.Equal(t, int64(cardTotal), o.Payment.Due.Amount)
	require.Zero(t, o.Payment.Paid.Amount)
}

// Staff asks once more, and the money comes, once.
func TestCaptureDeclinedAndAskedAgain(t *testing.T) {
	c, _, key := cardShopper(t)
	o := must[cardOrder](t, c, http.StatusCreated, "POST", "/v1/orders", payBy("sandbox_declines_first_capture"), "Idempotency-Key", key)
	shipped(t, c, o.ID)
	eventually(t, "the capture is declined", func() bool { return readCard(t, c, o.ID).Payment.Card.State == "capture_declined" })
	agent := staff(t, caller.SupportAgent)
	for range 2 {
		must[cardOrder](t, agent, http.StatusOK, "POST", "/v1/orders/"+o.ID+"/payment/capture", nil)
	}
	eventually(t, "the card is charged", func() bool { return readCard(t, c, o.ID).Payment.Status == "paid" })
	must[cardOrder](t, agent, http.StatusOK, "POST", "/v1/orders/"+o.ID+"/payment/capture", nil)
	got := ledger(t, o.ID)
	require.Equal(t, int64(cardTotal), got.taken)
	require.Equal(t, map[string]int{"authorise approved": 1, "capture declined": 1, "capture approved": 1}, got.count)
}

// Whatever becomes of the answers, there is one order, one authorisation, one charge.
func TestCardWhoseAnswersAreLost(t *testing.T) {
	for _, token := range []string{"sandbox_loses", "sandbox_delays", "sandbox_fails", "sandbox_calls_twice", "sandbox_calls_late"} {
		t.Run(token, func(t *testing.T) {
			t.Parallel()
			c, sku, key := cardShopper(t)
			var o cardOrder
			withinEvery(t, 40*time.Second, 2*time.Second, "the checkout ends", func() bool { // 20 checkouts a minute may be tried
				a := c.call(t, "POST", "/v1/orders", payBy(token), "Idempotency-Key", key)
				require.Contains(t, []int{http.StatusCreated, http.StatusAccepted, http.StatusConflict}, a.status, "%s", a.body)
				if a.status == http.StatusConflict { // checkout_in_progress: the recovery has it
					return false
				}
				require.NoError(t, json.Unmarshal(a.body, &o))
				return a.status == http.StatusCreated
			})
			require.Equal(t, "confirmed", o.Status)
			require.Equal(t, 1, ledger(t, o.ID).count["authorise approved"])
			require.Equal(t, int64(8), stockOf(t, sku).Available)
			shipped(t, c, o.ID)
			within(t, 40*time.Second, "the card is charged", func() bool { return readCard(t, c, o.ID).Payment.Status == "paid" })
			got := ledger(t, o.ID)
			require.Equal(t, int64(cardTotal), got.taken)
			require.Equal(t, map[string]int{"authorise approved": 1, "capture approved": 1}, got.count)
		})
	}
}

// An order that is cancelled frees the card, though the sandbox is killed meanwhile.
func TestCancelledCardIsFreed(t *testing.T) {
	c, _, key := cardShopper(t)
	o := must[cardOrder](t, c, http.StatusCreated, "POST", "/v1/orders", payBy("sandbox_approves"), "Idempotency-Key", key)
	require.NoError(t, the.Reload()) // an earlier test may have killed it
	require.NoError(t, syscall.Kill(the.Of("sandbox")[0].PID, syscall.SIGKILL))
	for range 2 {
		must[cardOrder](t, c, http.StatusOK, "POST", "/v1/orders/"+o.ID+"/cancel", nil)
	}
	within(t, 40*time.Second, "the card is free", func() bool { return readCard(t, c, o.ID).Payment.Card.State == "voided" })
	require.Equal(t, map[string]int{"authorise approved": 1, "void approved": 1}, ledger(t, o.ID).count)
}

func callbackBody(id, key string, amount int64) map[string]any {
	return map[string]any{"id": id, "created_at": "2026-11-26T09:00:00Z", "operation": map[string]any{
		"id": "auth_e2e", "key": key, "kind": "authorise", "status": "approved", "amount": amount, "currency": "EUR"}}
}

// A callback that is signed is taken in, once; another is not.
func TestCallbackThroughTheGateway(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(the.DataDir, "payment-secrets.json"))
	require.NoError(t, err)
	var secrets map[string]string
	require.NoError(t, json.Unmarshal(b, &secrets))
	sign := func(body string) string {
		stamp := fmt.Sprint(time.Now().Unix())
		h := hmac.New(sha256.New, []byte(secrets["payment-callbacks-sandbox"]))
		h.Write([]byte(stamp + "." + body))
		return "t=" + stamp + ",v1=" + hex.EncodeToString(h.Sum(nil))
	}
	c, _, key := cardShopper(t)
	o := must[cardOrder](t, c, http.StatusCreated, "POST", "/v1/orders", payBy("sandbox_approves"), "Idempotency-Key", key)
	js, err := json.Marshal(callbackBody("evt-"+o.ID, o.Payment.Card.Attempts[0].Key, cardTotal))
	require.NoError(t, err)
	body := string(js)
	const path = "/v1/payments/callbacks/sandbox"
	signed := sign(body)
	for range 2 {
		must[any](t, guest(), http.StatusNoContent, "POST", path, body, "Payment-Signature", signed)
	}
	require.Equal(t, "signature_invalid", guest().refused(t, http.StatusUnauthorized, "POST", path, body+" ", "Payment-Signature", signed).Code)
	guest().refused(t, http.StatusBadRequest, "POST", path, body)
	guest().refused(t, http.StatusNotFound, "POST", "/v1/payments/callbacks/other", body, "Payment-Signature", signed)
	require.Equal(t, "authorised", readCard(t, c, o.ID).Payment.Card.State)
}

// No token of a card, and no card number, is in the logs and the sandbox's ledger.
func TestTokensAreNotKept(t *testing.T) {
	c, _, key := cardShopper(t)
	token := "sandbox_approves_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	must[cardOrder](t, c, http.StatusCreated, "POST", "/v1/orders", payBy(token), "Idempotency-Key", key)
	a := c.call(t, "POST", "/v1/orders", payBy("4111111111111111"), "Idempotency-Key", uuid.NewString())
	require.Equal(t, http.StatusBadRequest, a.status)
	require.NotContains(t, string(a.body), "4111111111111111")
	for _, dir := range []string{filepath.Join(the.DataDir, "logs"), filepath.Join(filepath.Dir(the.MailDir), "sandbox")} {
		require.NoError(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			require.NotContains(t, string(b), token, path)
			require.NotContains(t, string(b), "4111111111111111", path)
			return err
		}))
	}
}

func TestPaymentSettings(t *testing.T) {
	a := staff(t, caller.Admin)
	a.refused(t, http.StatusBadRequest, "PUT", "/v1/settings/payments", map[string]string{"capture": "never"})
	must[any](t, a, http.StatusOK, "PUT", "/v1/settings/payments", map[string]string{"capture": "at_once"})
	defer func() {
		must[any](t, a, http.StatusOK, "PUT", "/v1/settings/payments", map[string]string{"capture": "on_shipment"})
	}()
	must[any](t, a, http.StatusOK, "GET", "/v1/settings/payments", nil)
	c, _, key := cardShopper(t)
	o := must[cardOrder](t, c, http.StatusCreated, "POST", "/v1/orders", payBy("sandbox_approves"), "Idempotency-Key", key)
	eventually(t, "the card is charged", func() bool { return readCard(t, c, o.ID).Payment.Status == "paid" })
	must[cardOrder](t, c, http.StatusOK, "POST", "/v1/orders/"+o.ID+"/cancel", nil)
	eventually(t, "the card gets its money back", func() bool { return readCard(t, c, o.ID).Payment.Card.Refunded.Amount == cardTotal })
	got := ledger(t, o.ID)
	require.Equal(t, []int64{cardTotal, cardTotal}, []int64{got.taken, got.back})
}
