"""The plugin `{{name}}` of stock-scheduler: fires around Easter, until `feast` computes dates of your own."""

from stock_scheduler_plugin import Invalid, Plugin

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

plugin = Plugin("{{name}}", "0.1.0")

# What a job's schedule says beside its kind. The host refuses what has another shape, and shows it in Swagger.
SPEC = {
    "type": "object",
    "properties": {
        "time": {"type": "string", "description": "The time of day, HH:MM.", "example": "09:00"},
        "days_after": {
            "type": "integer", "minimum": -50, "maximum": 50,
            "description": "So many days after Easter Sunday, 0 if left out: -2 is Good Friday, 1 Easter Monday.",
        },
    },
    "required": ["time"],
    "additionalProperties": False,
}


def check(spec, zone):
    """The schedule in words. What no schema can say is refused here."""
    return f"{spec.get('days_after', 0)} days after Easter Sunday at {time_of(spec):%H:%M} ({zone})"


@plugin.schedule("{{name}}", schema=SPEC, example={"time": "09:00", "days_after": 1}, check=check)
def fires(spec, zone, after):
    """The fires after `after`. The same question must always have the same answer: no clock, no network, no memory."""
    time, days = time_of(spec), timedelta(days=spec.get("days_after", 0))
    # Those of this year that are not after `after` are left out by the helper file.
    for year in range(after.year, 9999):
        # A time that clocks leave out is read by the offset before: 02:30 is then 03:30.
        yield datetime.combine(feast(year) + days, time, ZoneInfo(zone))


def time_of(spec):
    try:
        return datetime.strptime(spec["time"], "%H:%M").time()
    except ValueError:
        raise Invalid(f"time is {spec['time']!r}, expected HH:MM from 00:00 to 23:59", "/time") from None


def feast(year):
    """Easter Sunday: the Sunday after the first full moon of spring, as the Gregorian calendar reckons them.

    Put your own rule here: another lunar holiday, the days on which futures expire, a table of dates.
    """
    century = year // 100
    # How far the calendar's moon has come on 21 March, in days of 30; two of them are moved back by one.
    epact = (19 * (year % 19) + century - century // 4 - (8 * century + 13) // 25 + 15) % 30
    epact -= 1 if epact == 29 or (epact == 28 and year % 19 > 10) else 0
    full_moon = date(year, 3, 21) + timedelta(days=epact)
    return full_moon + timedelta(days=7 - full_moon.isoweekday() % 7)


if __name__ == "__main__":
    plugin.run()
