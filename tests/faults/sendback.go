package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"tienda/tests/customer"
	"tienda/tests/history"
)

// sendBack returns one line, or part of it.
func (b *buyer) sendBack(ctx context.Context, who shopper, o history.Order) {
	l := o.Lines[b.r.IntN(len(o.Lines))].Item
	l.Quantity = 1 + b.r.IntN(l.Quantity)
	want := ""
	if b.percent(exchanged) {
		want = b.goods[b.r.IntN(len(b.goods))].SKU
	}
	c := b.repeat(ctx, history.Call{Op: history.AskReturn, Key: o.ID, Order: o.ID}, func(ctx context.Context) customer.Answer {
		return b.askReturn(ctx, who, o.ID, l, want)
	}, func(a *customer.Answer, c *history.Call) {
		var r returnView
		if a.Into(&r); a.Err == nil {
			c.Return = r.ID
		}
	})
	if c.Outcome != history.Done {
		return
	}
	agent := shopper{account: b.agent}
	if l.Quantity > 1 && b.percent(inParts) {
		b.inParts(ctx, agent, c, l)
		return
	}
	came := b.inspected(l.SKU, l.Quantity)
	for _, step := range []struct {
		op   history.Op
		path string
		body any
	}{{history.ApproveReturn, "/approve", nil}, {history.ReceiveReturn, "/receive", came}} {
		c := b.repeat(ctx, history.Call{Op: step.op, Key: c.Return, Order: o.ID, Return: c.Return}, func(ctx context.Context) customer.Answer {
			return b.web.Send(ctx, http.MethodPost, "/v1/returns/"+c.Return+step.path, step.body, b.headers(ctx, agent)...)
		}, func(*customer.Answer, *history.Call) {})
		if c.Outcome != history.Done {
			return
		}
	}
}

// inspected is a parcel whose pieces are as new, worn, or scrap.
func (b *buyer) inspected(sku string, quantity int) map[string]any {
	line := map[string]any{"sku": sku, "quantity": quantity, "restock": b.percent(80)}
	if b.percent(worn) {
		line["deduction_percent"], line["deduction_reason"] = 1+b.r.IntN(100), "signs of use"
	}
	return map[string]any{"lines": []map[string]any{line}}
}

// inParts has a return come back one piece first; then the rest, or nothing more.
func (b *buyer) inParts(ctx context.Context, agent shopper, of history.Call, l history.Item) {
	part := uuid.NewString()
	came := b.inspected(l.SKU, 1)
	steps := []struct {
		op     history.Op
		method string
		path   string
		body   any
	}{
		{history.ApproveReturn, http.MethodPost, "/approve", nil},
		{history.TakePart, http.MethodPut, "/receipts/" + part, came},
		{history.ReceiveReturn, http.MethodPost, "/receive", nil},
	}
	if b.percent(closedShort) {
		steps[2].op, steps[2].path = history.CloseReturn, "/close"
	}
	for _, step := range steps {
		call := history.Call{Op: step.op, Key: of.Return, Order: of.Order, Return: of.Return}
		if step.op == history.TakePart {
			call.Part = part
		}
		c := b.repeat(ctx, call, func(ctx context.Context) customer.Answer {
			return b.web.Send(ctx, step.method, "/v1/returns/"+of.Return+step.path, step.body, b.headers(ctx, agent)...)
		}, func(*customer.Answer, *history.Call) {})
		if c.Outcome != history.Done {
			return
		}
	}
}

// askReturn asks for a return unless one was made: the request has no key, so
// that a client that got no answer looks first.
func (b *buyer) askReturn(ctx context.Context, who shopper, order string, l history.Item, want string) customer.Answer {
	a := b.web.Send(ctx, http.MethodGet, "/v1/returns?limit=100", nil, b.headers(ctx, who)...)
	var mine struct {
		Items []json.RawMessage `json:"items"`
	}
	if a.Into(&mine); a.Outcome() != history.Done {
		return a
	}
	for _, raw := range mine.Items {
		var r returnView
		if json.Unmarshal(raw, &r) == nil && r.OrderID == order {
			a.Body = raw
			return a
		}
	}
	line := map[string]any{"sku": l.SKU, "quantity": l.Quantity, "reason": "unwanted"}
	if want != "" {
		line["exchange_sku"] = want
	}
	a = b.web.Send(ctx, http.MethodPost, "/v1/returns", map[string]any{
		"order_id": order, "lines": []map[string]any{line},
	}, b.headers(ctx, who)...)
	if a.Code == "quantity_exceeded" { // an earlier try got through after we had looked
		a.Err = fmt.Errorf("%s: the returns are read again", a)
	}
	return a
}
