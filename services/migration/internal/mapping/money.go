package mapping

import (
	"errors"
	"math/big"
	"regexp"
	"strings"
	"sync"

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
		if code, err = m.codeOf(s, code); err != nil {
			return nil, err
		}
	}
	if n, ok := m.plain(v, code); ok {
		return minor{n, code}, nil
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
	return minor{r.Num().Int64(), code}, nil
}

// codeOf gives the currency that a column names, or else the usual one.
func (m amount) codeOf(s *scope, usual string) (string, error) {
	v, err := m.code.value(s)
	if err != nil || v == nil {
		return usual, err
	}
	got, err := text(v)
	if err != nil {
		return "", m.code.bad("%s", err)
	}
	code := usual
	if named := strings.TrimSpace(got); named != "" {
		code = strings.ToUpper(named)
	}
	if !currencies.of(code).valid {
		return "", m.code.bad("is not a code of ISO 4217")
	}
	return code, nil
}

// plain reads an amount that needs neither rounding nor more than 18 digits; false: it has to
// be looked at with care.
func (m amount) plain(v any, code string) (int64, bool) {
	t, ok := v.(string)
	if !ok || m.minor {
		return 0, false
	}
	digits, negative := strings.CutPrefix(t, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	places := decimals(code)
	if whole == "" || strings.HasSuffix(digits, ".") || len(fraction) > places || len(whole)+places > 18 {
		return 0, false
	}
	var n int64
	for i := range len(whole) + places {
		c := byte('0')
		if i < len(whole) {
			c = whole[i]
		} else if at := i - len(whole); at < len(fraction) {
			c = fraction[at]
		}
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	if negative != m.negate {
		n = -n
	}
	return n, true
}

// decimals is how many a currency has.
func decimals(code string) int { return currencies.of(code).decimals }

// currencies remembers what was asked about currencies: package currency searches its
// tables each time.
var currencies codes

type codes struct{ known sync.Map } // to currencyOf

type currencyOf struct {
	valid    bool
	decimals int
}

// codeLength is that of all codes: others are not remembered.
const codeLength = 3

func (k *codes) of(code string) currencyOf {
	if len(code) != codeLength {
		return currencyOf{decimals: 2}
	}
	if c, ok := k.known.Load(code); ok {
		return c.(currencyOf) //nolint:forcetypeassert // nothing else is put there
	}
	c := currencyOf{valid: money.ValidCurrency(code), decimals: 2}
	if unit, err := currency.ParseISO(code); err == nil {
		c.decimals, _ = currency.Standard.Rounding(unit)
	}
	if c.valid { // there are few of them
		k.known.Store(code, c)
	}
	return c
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
