"""Broken copies of the Huawei plug-in, of both brands: failed tokens inside a text, signed tokens and receipts."""

from __future__ import annotations

import functools

from broken.copies import HARMONY, HUAWEI, breaks

spoils = functools.partial(breaks, base=HUAWEI)
harms = functools.partial(breaks, base=HARMONY)

BROKEN = [
    spoils(
        "receipts",
        "signed_receipts_are_proved",
        "Huawei: the signature of a receipt may be of any time",
        "receipts of yesterday were taken for true",
        "WINDOW: Final = 600.0",
        "WINDOW: Final = 6e10",
        file="replies.py",
    ),
    spoils(
        "receipts",
        "signed_receipts_are_proved",
        "Huawei: the signature of a receipt is not looked at",
        "were taken for true",
        "    if not is_right or not check_time(moment(at), now, WINDOW):\n",
        "    if not is_right and not check_time(moment(at), now, WINDOW):\n",
        file="replies.py",
    ),
    spoils(
        "receipts",
        "the_answer_says_whether_receipts_were_taken",
        "Huawei: receipts that were lost are answered as taken",
        "they would be lost",
        "ANSWER) if taken else Response(503)",
        "ANSWER)",
        file="push_kit.py",
    ),
    spoils(
        "errors",
        "a_reply_with_targets_that_nobody_asked_for",
        "Huawei: the text with the failed tokens is JSON without a check",
        "it raised",
        "    except (ValueError, RecursionError):\n        return None\n",
        "    except RecursionError:\n        return None\n",
        file="replies.py",
    ),
    spoils(
        "dead tokens",
        "dead_tokens_among_live_ones",
        "Huawei: the failed tokens of a success in part are not read",
        "should end",
        '    return Failures(lists, count(found.get("failure")), count(found.get("success")))',
        "    return Failures({}, 0)",
        file="replies.py",
    ),
    spoils(
        "broadcasts",
        "tags_reach_whom_they_mean",
        "Huawei: one of several topics is taken for all of them",
        "were meant",
        'any_of = " || ".join(',
        'any_of = " && ".join(',
        file="huawei.py",
    ),
    spoils(
        "content",
        "the_gateways_receipt_address_travels",
        "Huawei: the parameter of receipts is not sent",
        "the receipt of this push would bring back",
        '        "mark": "android.bi_tag",\n',
        '        "mark": "android.receipt_id",\n',
        file="huawei.py",
    ),
    spoils(
        "content",
        "each_feature_reaches_the_phone_or_is_refused_by_name",
        "Huawei: the time to live goes out in minutes",
        "ttl: ",
        '"android.ttl" = { says = "ttl",',
        '"android.ttl" = { says = "ttl", scale = 60,',
        file="rules.toml",
    ),
    harms(
        "outcomes",
        "one_push_arrives",
        "Harmony: access tokens are signed for another server",
        "should end ACCEPTED",
        'AUDIENCE: Final = "https://oauth-login.cloud.huawei.com/oauth2/v3/token"',
        'AUDIENCE: Final = "https://oauth-login.example/token"',
        file="push_kit.py",
    ),
    harms(
        "dedupe",
        "a_repeated_push_is_shown_once",
        "Harmony: all messages have one appMessageId",
        "another notification was taken for a repeat",
        '{f"{_NOTE}.appMessageId": message_id if fits else stable_key(message_id, 32)}',
        '{f"{_NOTE}.appMessageId": "m"}',
        file="harmony.py",
    ),
    harms(
        "content",
        "two_notifications_do_not_replace_each_other",
        "Harmony: all notifications have one notifyId",
        "bear the same id on the phone",
        'self.names["handle"]: stable_id(message_id)}',
        'self.names["handle"]: 7}',
        file="harmony.py",
    ),
    harms(
        "recall",
        "a_notification_is_taken_back_where_it_is_meant",
        "Harmony: another notification is taken back",
        "after recall(), it should show",
        '{"notifyId": notify_id, "token": list(part)}',
        '{"notifyId": notify_id + 1, "token": list(part)}',
        file="harmony.py",
    ),
]
