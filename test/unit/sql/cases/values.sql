SELECT quote_literal(42), quote_literal(1.5), quote_literal(true), quote_literal('a''b\c'), quote_literal(date '2024-01-01'), quote_nullable(NULL), quote_nullable(7), quote_ident('select'), quote_ident('a b'), quote_ident('col'), quote_ident('A'), format('%I %L', 'user', 'x');

SELECT unicode_assigned('abc é'), unicode_assigned(U&'\0378'), getdatabaseencoding(), pg_client_encoding();

SELECT 1234::bytea, (-2)::bytea, 5::smallint::bytea, 5::bigint::bytea, '\x04d2'::bytea::int, '\xfffe'::bytea::smallint, '\xffffffffffffffff'::bytea::bigint, '\xff'::bytea::int, ''::bytea::int;

SELECT 'Wed Dec 17 07:37:16 1997'::timestamp, 'Wed Dec 17 07:37:16 1997 UTC'::timestamptz, 'Dec 17 07:37:16 1997'::timestamp, '17 Dec 1997'::date, 'January 8, 99'::date, '08-Jan-99'::date, 'Jan-08-1999'::date, '1999-Jan-08'::date, '990108'::date, '1999.008'::date, 'J2451187'::date, '01/02/03'::date, '1-2-2003'::date, '1.2.2003'::date, '2003/4/5'::date, 'Mon 8 Jan 1999'::date;

SELECT '19971217T073716'::timestamp, '1997-12-17 073716'::timestamp, '1997-12-17T07:37:16Z'::timestamptz, '1997-12-17 07:37 PM'::timestamp, '97-12-17'::text, 'Wed 17 Dec 07:37:16 1997 PST'::text;

SELECT '1.23456789 seconds'::interval(2), interval '1.555' second, interval '1.555' second(1), '1 day 2:03:04.567'::interval(0), '-1.25 s'::interval(1), interval(3) '1.23456 s';

SELECT interval '1-2' year to month, interval '3 4:05' day to minute, interval '3 4:05:06' day to hour, interval '10:20' minute to second, interval '10:20' hour to minute, interval '1 year 2 mons 3 days 4:05:06' year, interval '1 year 2 mons 3 days 4:05:06' month, interval '1 year 2 mons 3 days 4:05:06' day, interval '4:05:06' hour, interval '5' minute, interval '90' second, interval '5' day to second;

SELECT (d)::interval day, (d)::interval hour to minute, d::interval year FROM (VALUES (interval '1 year 2 days 3:04:05')) t(d);

SELECT pg_input_is_valid('42', 'integer'), pg_input_is_valid('4x2', 'integer'), pg_input_is_valid('1e400', 'float8'), pg_input_is_valid('99999', 'smallint'), pg_input_is_valid('{1,2}', 'int4[]'), pg_input_is_valid('2024-02-30', 'date'), pg_input_is_valid('{"a":}', 'jsonb'), pg_input_is_valid('12.345', 'numeric(4,2)'), pg_input_is_valid('123.4', 'numeric(4,2)'), pg_input_is_valid('abcd', 'varchar(3)'), pg_input_is_valid('abc  ', 'character varying(3)'), pg_input_is_valid('yes', 'boolean'), pg_input_is_valid(NULL, 'int');

SELECT message, sql_error_code FROM pg_input_error_info('4x2', 'integer');

SELECT message, sql_error_code FROM pg_input_error_info('99999', 'smallint');

SELECT message, sql_error_code FROM pg_input_error_info('42', 'integer');

SELECT message, sql_error_code FROM pg_input_error_info('abcd', 'varchar(3)');

SELECT message, sql_error_code FROM pg_input_error_info('2024-02-30', 'date');

SELECT message, sql_error_code FROM pg_input_error_info('x', 'timestamp');

SELECT pg_size_pretty(10240.5), pg_size_pretty(1234.5), pg_size_pretty(123456789012345678901.0), parse_ident('a."B".c'), parse_ident('foo.boo[]', false), substring('foobar', '%#"o_b#"%', '#'), substr('\x010203'::bytea, 2), substring('\x010203'::bytea FROM 3);

SELECT 5::smallint & 3::smallint, 5::smallint | 2::smallint, 5::smallint # 1::smallint, ~5::smallint, 1::smallint << 3, (-8)::smallint >> 1, interval '25 hours' + time '01:00', get_bit('\x8001'::bytea, 7), set_bit('\x8001'::bytea, 0, 0), 'a' ~<~ 'b', 'b' ~>=~ 'a';

SELECT '\x616263'::bytea LIKE '\x6125'::bytea, '\x616263'::bytea NOT LIKE '\x6225'::bytea, like('abc', 'a%'), notlike('abc', 'b%'), array_to_json(ARRAY[[1,2],[3,4]], true), array_to_json(ARRAY['a','b'], false);

SELECT jsonb_path_query_tz('[1,2]', '$[*]'), timestamptz('2024-01-02'::date, '03:04'::time);

SELECT to_char(i, 'YYYY YY Y MM DD DDD HH24 HH HH12 MI SS MS US FF3 SSSS AM W WW CC Q FMHH24 FMMM') FROM (VALUES (interval '1 day'), ('-1 day'), ('14 mons 3 days 27:04:05.678901'), ('-2 years -3:04:05.5'), ('0'), ('3 mons'), ('100 years 13:00')) t(i);

SELECT '1969-12-31 23:59:59.5'::timestamp(0), '1999-12-31 23:59:59.5'::timestamp(0), '2000-01-01 00:00:00.5'::timestamp(0), '1969-12-31 23:59:59.25'::timestamptz(1), '1950-06-01 10:00:00.123456'::timestamp(3);

SELECT interval '1 month - 1 day', interval '2 hours - 5 minutes', interval '- 3 days + 4 hours', interval '1-2 - 3 4:05:06';

SELECT pg_typeof(1.5::numeric(12,2))::text, pg_typeof(ARRAY[1.5::numeric(4,1)])::text, pg_typeof('{}'::jsonb)::text, pg_typeof('infinity'::interval)::text;
