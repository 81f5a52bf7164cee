SELECT 'infinity'::date, '-infinity'::date, 'infinity'::timestamp, '-infinity'::timestamptz, 'infinity'::interval, '-infinity'::interval;

SELECT 'infinity'::date + 5, 'infinity'::date = 'infinity'::timestamp, 'infinity'::date > '5000-01-01'::date, '-infinity'::date < '0001-01-01'::date, 'infinity'::timestamp::date, 'infinity'::date::timestamp, '-infinity'::timestamptz::date;

SELECT 'infinity'::timestamp + interval '1 day', 'infinity'::timestamp - interval '1 mon', 'infinity'::date + interval '1 day', now() < 'infinity', 'infinity'::timestamp - '2024-01-01'::timestamp, '2024-01-01'::timestamp - 'infinity'::timestamp;

SELECT '2024-01-01'::timestamp + 'infinity'::interval, '2024-01-01'::date - 'infinity'::interval, 'infinity'::interval + interval '1 day', - 'infinity'::interval, 'infinity'::interval * 2, 'infinity'::interval * -0.5, 'infinity'::interval / 3;

SELECT date_part('epoch', 'infinity'::timestamp), date_part('year', 'infinity'::date), extract(month FROM 'infinity'::timestamp), date_part('epoch', '-infinity'::interval), extract(day FROM 'infinity'::timestamptz), date_part('hour', 'infinity'::interval), date_part('year', '-infinity'::timestamp), date_part('minute', 'infinity'::interval), date_part('day', 'infinity'::interval), date_part('month', 'infinity'::interval), date_part('week', 'infinity'::timestamp), date_part('isoyear', '-infinity'::date), date_part('julian', 'infinity'::timestamp);

SELECT date_trunc('day', 'infinity'::timestamp), date_trunc('month', '-infinity'::date), date_trunc('day', 'infinity'::interval), isfinite('infinity'::date), isfinite('-infinity'::interval), isfinite('infinity'::timestamp), isfinite(date '2024-01-01');

SELECT to_char('infinity'::timestamp, 'YYYY-MM-DD'), age('infinity'::timestamp, '2024-01-01'), age('2024-01-01', '-infinity'::timestamp);

SELECT 'infinity'::interval > interval '1000 years', '-infinity'::interval < interval '-1000 years', 'infinity'::interval = 'infinity'::interval, justify_hours('infinity'::interval), justify_days('-infinity'::interval), justify_interval('infinity'::interval);

SELECT max(d), min(d), count(*) FROM (VALUES ('infinity'::date), ('2024-01-01'), ('-infinity')) t(d);

SELECT d FROM (VALUES ('infinity'::date), ('2024-01-01'), ('-infinity')) t(d) ORDER BY d;

SELECT i FROM (VALUES ('infinity'::interval), ('1 day'), ('-infinity')) t(i) ORDER BY i;

SELECT max(i), min(i), sum(i), avg(i) FROM (VALUES ('infinity'::interval), ('1 day')) t(i);

SELECT 'infinity'::timestamp::time;

SELECT 'infinity'::timestamptz AT TIME ZONE 'Europe/Paris', 'infinity'::timestamp AT TIME ZONE 'Europe/Paris', 'infinity'::date::timestamptz;

SELECT to_json('infinity'::date), to_jsonb('-infinity'::timestamp), to_json('infinity'::interval), 'infinity'::date::text, make_interval(days => 5) < 'infinity';

SELECT count(*) FROM (SELECT id FROM t WHERE d BETWEEN '-infinity' AND 'infinity' AND ts < 'infinity') q;

SELECT to_timestamp('Infinity'::float8), to_timestamp('-Infinity'::float8), 'infinity'::timestamp(2), 'infinity'::timestamp - interval '1 year' = 'infinity';

SELECT date_bin('1 hour', 'infinity'::timestamp, '2024-01-01'), 'infinity'::date::text, coalesce(NULL, 'infinity'::date), greatest('infinity'::date, '2024-01-01'), ('infinity'::date)::timestamptz;

SELECT DISTINCT x FROM (VALUES ('infinity'::interval), ('infinity')) v(x);
