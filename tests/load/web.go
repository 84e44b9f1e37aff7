package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"tienda/tests/customer"
	"tienda/tests/history"
)

// answerLimit is how long a customer waits for an answer: longer than any of the
// gateway's limits for what is asked here.
const answerLimit = 25 * time.Second

// Class is what an answer counts as.
type Class string

// The classes.
const (
	OK       Class = "ok"        // 2xx, and 304 of a page that has not changed
	Failed   Class = "5xx"       // the shop says that it is at fault
	TimedOut Class = "timeout"   // no answer within answerLimit
	Cut      Class = "no answer" // a connection that was refused or cut
	Limited  Class = "429"       // refused by a rate limit
	SoldOut  Class = "sold out"  // the stock was not enough
	Business Class = "business"  // another refusal by a rule: 409, 412, 422
	Wrong    Class = "4xx"       // a request that should not have been made: an error of this program, or of the shop
	NoCart   Class = "no cart"   // no cart was full when a checkout was due: nothing was sent
)

// classes is their order in reports.
var classes = []Class{OK, SoldOut, Business, Limited, Failed, TimedOut, Cut, Wrong, NoCart}

// web sends requests to one shop, and counts them and what becomes of them.
type web struct{ *customer.Web }

func newWeb(base string) *web {
	return &web{&customer.Web{Base: base, Limit: answerLimit, HTTP: &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: 1024, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true, Proxy: http.ProxyFromEnvironment},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}}}
}

// answer is what came back, which counts as a class.
type answer struct{ customer.Answer }

// send sends a request within answerLimit.
func (w *web) send(ctx context.Context, method, path string, body any, headers ...string) answer {
	return answer{w.Send(ctx, method, path, body, headers...)}
}

// class tells the failures apart.
func (a answer) class() Class {
	var late net.Error
	switch {
	case errors.As(a.Err, &late) && late.Timeout(), errors.Is(a.Err, context.DeadlineExceeded):
		return TimedOut
	case a.Err != nil:
		return Cut
	case a.Status >= http.StatusInternalServerError:
		return Failed
	case a.Status == http.StatusTooManyRequests:
		return Limited
	case a.Code == history.OutOfStock:
		return SoldOut
	case a.Status == http.StatusConflict, a.Status == http.StatusPreconditionFailed, a.Status == http.StatusUnprocessableEntity:
		return Business
	case a.Status >= http.StatusBadRequest:
		return Wrong
	default:
		return OK
	}
}
