SELECT DISTINCT j FROM (VALUES ('{"a": 1}'::jsonb), ('{"a":1}'), ('{"a":  1}')) t(j);

SELECT j, count(*) FROM (VALUES ('{"b":1,"a":2}'::jsonb), ('{"a":2, "b":1}')) t(j) GROUP BY j;

SELECT count(DISTINCT j), count(*) FROM (VALUES ('1'::jsonb), ('1.0'), ('1.00'), ('10'), ('1e1'), ('10.0')) t(j);

SELECT '1'::jsonb = '1.0'::jsonb, '[1.0]'::jsonb = '[1.00]', '{"a":1.50}'::jsonb = '{"a":1.5}', '"1.0"'::jsonb = '"1.00"';

SELECT j FROM (VALUES ('null'::jsonb), ('"b"'), ('"a"'), ('2'), ('10'), ('true'), ('false'), ('[]'), ('[1]'), ('[0, 1]'), ('{}'), ('{"a": 1}'), ('{"aa": 1}'), ('{"b": 0}'), ('[[]]'), ('{"a": 1, "b": 0}'), ('{"a": []}'), ('{"a": null}'), ('-1.5'), ('""')) t(j) ORDER BY j;

SELECT CASE WHEN x > 1 THEN '{"a":1}'::jsonb ELSE '{"a" : 2}' END AS j FROM (VALUES (1), (2)) t(x) ORDER BY 1;

SELECT '{"a" : 1}'::jsonb UNION SELECT '{"a":1}' UNION ALL SELECT '[1 , 2]' ORDER BY 1;

SELECT '{"a" : 1}'::json, '{"a" : 1}'::jsonb, '{"a" : 1}'::json::jsonb, '{"a" : 1}'::jsonb::json, '{"a" : 1}'::json::text, '{"a" : 1, "a": 2}'::jsonb;

SELECT pg_typeof('{}'::json)::text, pg_typeof('{}'::jsonb)::text, pg_typeof('{"a":1}'::jsonb -> 'a')::text, pg_typeof('[1]'::json -> 0)::text, pg_typeof(to_jsonb(1))::text, pg_typeof(to_json(1))::text, pg_typeof(JSON_QUERY('{}', '$'))::text;

SELECT '5'::jsonb -> 0, '5'::jsonb -> -1, '5'::jsonb -> 1, '5'::jsonb ->> 0, '"x"'::jsonb ->> 0, '5'::json -> 0, '{"a":1}'::jsonb -> 0, '[3,4]'::jsonb -> -1, '5'::jsonb -> 'a';

SELECT '{"a" : {"b" : 1}}'::json -> 'a', '{"a" : {"b" : 1}}'::jsonb -> 'a', '{"a" : {"b" : 1}}'::json #> '{a}', '{"a" : [1,  2]}'::jsonb #> '{a}', '{"a" : [1,  2]}'::jsonb #>> '{a}', '{"a" : [1,  2]}'::json ->> 'a';

SELECT jsonb_agg(j ORDER BY j), json_agg(j ORDER BY j) FROM (VALUES ('{"a":1}'::jsonb), ('[1,2]')) t(j);

SELECT key, value FROM jsonb_each('{"b":[1,2],"a":{"c":1.0}}') ORDER BY key;

SELECT key, value FROM json_each('{"b":[1,2],"a":{"c" : 1.0}}') ORDER BY key;

SELECT value FROM jsonb_array_elements('[1.0,{"a":1},[2,3]]') ORDER BY value;

SELECT a.j, b.j FROM (VALUES ('1'::jsonb), ('{"a":2}')) a(j) JOIN (VALUES ('1.0'::jsonb), ('{"a": 2.00}')) b(j) ON a.j = b.j ORDER BY a.j;

SELECT '[1, 2]'::jsonb IN ('[1,2]', '{}'), '[1.0]'::jsonb = ANY (ARRAY['[1]'::jsonb]), '1'::jsonb IS DISTINCT FROM '1.0'::jsonb;

SELECT j, rank() OVER (ORDER BY j), count(*) OVER (PARTITION BY j) FROM (VALUES ('[2]'::jsonb), ('[1, 1]'), ('{}'), ('[2]')) t(j) ORDER BY j;

SELECT '{"a":1}'::jsonb || '{"b":2}', '[1]'::jsonb || '2', '{"a":1,"b":2}'::jsonb - 'a', '[1,2]'::jsonb - 0, '{"a":{"b":1}}'::jsonb #- '{a,b}', '[1,null,{"a":null}]'::jsonb || 'null';

SELECT jsonb_strip_nulls('{"a":null,"b":[1,null,{"c":null}]}'), json_strip_nulls('{"a":null,"b":[1,null,{"c":null}]}');

SELECT JSON_VALUE('{"a":1}', '$.a' RETURNING int), JSON_QUERY('{"a":[1,2]}', '$.a'), JSON_QUERY('{"a":[1,2]}', '$.a' RETURNING json), JSON_OBJECT('a' VALUE 1 RETURNING jsonb), JSON_OBJECT('a' VALUE 1);

SELECT x.a, x.b FROM json_to_record('{"a":{"c" : 1},"b":{"c" : 1}}') AS x(a json, b jsonb);

SELECT greatest('1'::jsonb, '[]', '{}'), least('1'::jsonb, '[]', '{}'), nullif('1'::jsonb, '1.0');

SELECT array_agg(DISTINCT j ORDER BY j) FROM (VALUES ('1'::jsonb), ('2.0'), ('2')) t(j);

SELECT ('{"a":{"x":1}}'::jsonb)['a'], ('{"a":[1,2]}'::jsonb)['a'][1], '{"k" : 1 }'::jsonb::text, ('{"a" : 1}'::text)::jsonb;
