SELECT jsonb_path_query('["2015-8-1", "2015-08-12"]', '$[*].datetime() ? (@ < "2015-08-02".datetime())');

SELECT jsonb_path_query_array('["12:30", "18:40"]', '$[*].datetime("HH24:MI")');

SELECT jsonb_path_query('"2023-08-15"', '$.date()'), jsonb_path_query('"12:34:56"', '$.time()'), jsonb_path_query('"12:34:56.789"', '$.time(2)'), jsonb_path_query('"12:34:56 +05:30"', '$.time_tz()'), jsonb_path_query('"2023-08-15 12:34:56"', '$.timestamp()'), jsonb_path_query('"2023-08-15 12:34:56.789"', '$.timestamp(2)'), jsonb_path_query('"2023-08-15 12:34:56 +05:30"', '$.timestamp_tz()');

SELECT jsonb_path_query('["2023-08-15", "12:34:56", "12:34:56+01", "2023-08-15 12:34:56", "2023-08-15T12:34:56-03:30"]', '$[*].datetime().type()');

SELECT jsonb_path_query('["2023-08-15", "2023-08-15 12:34:56", "2023-08-15T12:34:56-03:30", "12:34:56"]', '$[*].datetime()');

SELECT jsonb_path_query_tz('"2023-08-15 12:34:56 +05:30"', '$.date()'), jsonb_path_query_tz('"2023-08-15 12:34:56 +05:30"', '$.time()'), jsonb_path_query_tz('"2023-08-15 12:34:56 +05:30"', '$.timestamp()'), jsonb_path_query_tz('"2023-08-15 12:34:56"', '$.timestamp_tz()');

SELECT jsonb_path_query_array_tz('["2023-08-15", "2023-08-15T00:00:00+01:00", "2023-08-16 00:00:00"]', '$[*].datetime() ? (@ >= "2023-08-15T00:00:00+00:00".datetime())');

SELECT jsonb_path_query_array('[1, "yes", false, "f", 0]', '$[*].boolean()'), jsonb_path_query_array('[1.5, "x", true]', '$[*].string()'), jsonb_path_query_array('["123.45", 67]', '$[*].number()'), jsonb_path_query('1234.5678', '$.decimal(6, 2)'), jsonb_path_query_array('["9876543219", 12.6]', '$[*].bigint()'), jsonb_path_query_array('["12345", 1.5, 2.5]', '$[*].integer()'), jsonb_path_query_array('["1.9", 3]', '$[*].double()');

SELECT jsonb_path_query_array('[-1.5, 2.3]', '$[*].abs()'), jsonb_path_query_array('[-1.5, 2.3]', '$[*].floor()'), jsonb_path_query_array('[-1.5, 2.3]', '$[*].ceiling()'), jsonb_path_query_array('[1, [2, 3]]', '$.size()'), jsonb_path_query('{"x": 7}', '$.keyvalue().key'), jsonb_path_query_array('[1, "a", null, true, {}, []]', '$[*].type()');

SELECT jsonb_path_exists('["2015-8-1"]', '$[*] ? (@.date() == "2015-08-01".date())'), jsonb_path_match('"10:00"', '$.datetime("HH24:MI") < "12:00".datetime("HH24:MI")'), jsonb_path_query_first('["2020-01-01T10:00:00"]', '$[*].datetime().string()'), jsonb_path_exists('"x"', '$.datetime()', '{}', true);

SELECT jsonb_path_query('"10-03-2017"', '$.datetime("dd-mm-yyyy")'), jsonb_path_query('"10-03-2017 12:34"', '$.datetime("dd-mm-yyyy HH24:MI")'), jsonb_path_query('"2017-03-10"', '$.timestamp()'), jsonb_path_query('"2017-03-10 12:34:56.789"', '$.date()');
