package mapping

import (
	"errors"
	"math/big"
	"regexp"
	"strings"

	"golang.org/x/text/currency"
	"gopkg.in/yaml.v3"

	"tienda/internal/money"
)

var errTwice = errors.New("gives the same name twice")

// moneyOp makes an amount in minor units of a currency. An amount that has more
// decimals than the currency is an error, unless it says how it is rounded.
func (p *parser) moneyOp(at *child, n *yaml.Node) *op {
	out := &op{}
	m := amount{currency: p.defaults.currency}
	if n.Kind == yaml.ScalarNode {
		m.from = p.columnOf(at, n)
	} else if o, ok := p.object(n, "money"); ok {
		m = p.readMoney(at, o, m)
	}
	if m.from == nil {
		return out
	}
	if m.currency == "" && m.code == nil {
		p.add(n.Line, "money: in which currency? Give currency, currency_column, or a default for the file")
	}
	out.uses = m.from.uses
	if m.code != nil {
		out.uses = append(out.uses, *m.code)
	}
	out.eval = func(s *scope) (any, error) { return m.eval(s, out) }
	return out
}

// amount is how an amount is read.
type amount struct {
	from     *op
	currency string
	code     *use // the column that has the currency
	minor    bool // it is in minor units already
	half     bool // rounded half up
	negate   bool
}

func (p *parser) columnOf(at *child, n *yaml.Node) *op {
	out := p.columnOp(at, n)
	out.uses[0].as = asDecimal
	return out
}

func (p *parser) readMoney(at *child, o *object, m amount) amount {
	column, expr := o.take("column"), o.take("cel")
	switch {
	case (column == nil) == (expr == nil):
		p.add(o.node.Line, "money: has either column or cel")
	case column != nil:
		m.from = p.columnOf(at, column)
	default:
		m.from = p.celOp(at, expr)
	}
	if c := o.text("currency"); c != "" {
		if m.currency = c; !money.ValidCurrency(c) {
			p.add(o.lines["currency"], "currency: %s is not a code of ISO 4217", c)
		}
	}
	if c := o.take("currency_column"); c != nil {
		u := p.column(at, c, asText)
		m.code = &u
	}
	m.minor, m.negate = o.flag("minor"), o.flag("negate")
	m.half = o.oneOf("round", "", "half_up") == "half_up"
	o.done("money")
	return m
}

func (m amount) eval(s *scope, o *op) (any, error) {
	v, err := m.from.eval(s)
	if err != nil || v == nil {
		return nil, err
	}
	code := m.currency
	if m.code != nil {
		got, err := texts(s, []use{*m.code})
		if err != nil {
			return nil, err
		}
		if got[0] != nil && strings.TrimSpace(*got[0]) != "" {
			code = strings.ToUpper(strings.TrimSpace(*got[0]))
		}
		if !money.ValidCurrency(code) {
			return nil, m.code.bad("is not a code of ISO 4217")
		}
	}
	r, err := decimal(v)
	if err != nil {
		return nil, o.blame(err)
	}
	if !m.minor {
		r.Mul(r, new(big.Rat).SetInt(pow10(decimals(code))))
	}
	if m.negate {
		r.Neg(r)
	}
	if m.half {
		r = halfUp(r, 0)
	}
	if !r.IsInt() {
		return nil, o.blame(errors.New("has more decimals than the currency: say round: half_up, if it may be rounded"))
	}
	if !r.Num().IsInt64() {
		return nil, o.blame(errors.New("is out of range"))
	}
	return map[string]any{"amount": r.Num().Int64(), "currency": code}, nil
}

// decimals is how many a currency has.
func decimals(code string) int {
	unit, err := currency.ParseISO(code)
	if err != nil {
		return 2
	}
	scale, _ := currency.Standard.Rounding(unit)
	return scale
}

var decimalText = regexp.MustCompile(`^[+-]?[0-9]{1,40}(\.[0-9]{1,40})?$`)

// decimal reads an exact number.
func decimal(v any) (*big.Rat, error) {
	t, err := text(v)
	if err != nil {
		return nil, err
	}
	t = strings.TrimSpace(t)
	if !decimalText.MatchString(t) {
		return nil, errors.New("is not a decimal number")
	}
	r, ok := new(big.Rat).SetString(t)
	if !ok {
		return nil, errors.New("is not a decimal number")
	}
	return r, nil
}

func pow10(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// halfUp rounds to so many decimals, a half away from zero, as PostgreSQL rounds
// numeric.
func halfUp(r *big.Rat, places int) *big.Rat {
	scale := new(big.Rat).SetInt(pow10(places))
	x := new(big.Rat).Mul(new(big.Rat).Abs(r), scale)
	x.Add(x, big.NewRat(1, 2))
	q := new(big.Int).Quo(x.Num(), x.Denom())
	out := new(big.Rat).Quo(new(big.Rat).SetInt(q), scale)
	if r.Sign() < 0 {
		out.Neg(out)
	}
	return out
}

// decimalString writes an exact number without needless zeros.
func decimalString(r *big.Rat) (string, error) {
	places, exact := r.FloatPrec()
	if !exact {
		return "", errors.New("has no end as a decimal: round it")
	}
	return r.FloatString(places), nil
}
