// Every text of the page, in English and Chinese side by side, and the language that is shown.
//
// `{name}` is replaced by a value. English texts with a number may have two forms, "one|many", chosen by `{n}`.

export const TEXTS = {
  // The page
  "page.title": { en: "Phones · pushgateway sandbox", zh: "手机 · pushgateway 沙箱" },
  "page.product": { en: "sandbox", zh: "沙箱" },
  "page.skip": { en: "Skip to the phones", zh: "跳到手机列表" },
  "page.skipToForm": { en: "Skip to the form", zh: "跳到发送表单" },
  "page.brands": { en: "Brands", zh: "品牌" },
  "page.language": { en: "Language", zh: "语言" },
  "page.nothing": { en: "No sandbox is running here.", zh: "这里没有运行中的沙箱。" },
  "page.clear": { en: "Clear", zh: "清空" },
  "page.clearHint": { en: "Clear all phones, requests and outcomes", zh: "清空所有手机上的通知、请求和推送结果" },
  "page.cleared": { en: "Everything is cleared.", zh: "已全部清空。" },
  "nav.main": { en: "Views", zh: "视图" },
  "nav.phones": { en: "Phones", zh: "手机" },
  "nav.send": { en: "Send", zh: "发送" },
  "nav.activity": { en: "Gateway", zh: "网关" },

  // The connection
  "live.connecting": { en: "Connecting", zh: "正在连接" },
  "live.live": { en: "Live", zh: "实时" },
  "live.lost": { en: "Reconnecting", zh: "正在重连" },
  "live.lostLong": {
    en: "The connection to the sandbox is lost. You see the last known state; the page connects again by itself.",
    zh: "与沙箱的连接已断开。这里显示的是断开前的状态，恢复后页面会自动重连。",
  },
  "live.back": { en: "Connected again.", zh: "已重新连接。" },

  // Search
  "find.label": { en: "Find a phone", zh: "查找手机" },
  "find.placeholder": { en: "Find a phone: token, alias, account", zh: "查找手机：token、别名、账号" },
  "find.none": { en: "No phone matches.", zh: "没有匹配的手机。" },
  "find.count": { en: "{n} phone found|{n} phones found", zh: "找到 {n} 部手机" },
  "find.most": { en: "The first {n} matches. Type more to narrow them down.", zh: "仅列出前 {n} 部，请输入更多字符。" },

  // A brand
  "brand.phones": { en: "{n} phone|{n} phones", zh: "{n} 部手机" },
  "brand.pushes": { en: "{n} push|{n} pushes", zh: "{n} 条推送" },
  "brand.requests": { en: "{n} request|{n} requests", zh: "{n} 个请求" },
  "brand.receipts": { en: "{n} receipt|{n} receipts", zh: "{n} 个回执" },
  "brand.receiptsBad": { en: "{n} receipt not taken|{n} receipts not taken", zh: "{n} 个回执未被接收" },
  "brand.dropped": { en: "{n} not shown by the phone", zh: "{n} 条未被手机显示" },
  "brand.calls": { en: "Requests by call", zh: "各接口的请求数" },
  "brand.more": {
    en: "and {n} more phone. Find it by token, alias or account.|and {n} more phones. Find one by token, alias or account.",
    zh: "另有 {n} 部手机，可按 token、别名或账号查找。",
  },
  "brand.newPhone": { en: "New phone", zh: "新增手机" },
  "brand.added": { en: "{brand}: a new phone is registered.", zh: "{brand}：已注册一部新手机。" },
  "brand.strip": {
    en: "Phones of {brand}, the arrow keys go from one to the next",
    zh: "{brand} 的手机，用方向键切换",
  },
  "brand.empty": { en: "No phones are registered.", zh: "没有已注册的手机。" },
  "brand.outcomes": { en: "What the gateway made of it", zh: "网关给出的推送结果" },
  "brand.noOutcomes": { en: "Nothing sent yet", zh: "尚未发送" },

  // Faults. The sentence says what happens while the button is on.
  "fault.group": { en: "Faults of {brand}", zh: "{brand} 的故障" },
  "fault.caption": { en: "Faults", zh: "故障" },
  "fault.down": { en: "Down", zh: "厂商故障" },
  "fault.down.what": { en: "Connections break without a reply.", zh: "连接中断，没有应答。" },
  "fault.slow": { en: "Slow", zh: "应答慢" },
  "fault.slow.what": { en: "Each reply comes 3 seconds late.", zh: "每个应答都晚 3 秒。" },
  "fault.quota": { en: "Over quota", zh: "配额用尽" },
  "fault.quota.what": {
    en: "Every push is refused: the daily quota is used up.",
    zh: "每条推送都被拒绝：当日配额已用尽。",
  },
  "fault.revoked": { en: "Expire access tokens", zh: "权限令牌失效" },
  "fault.revoked.what": {
    en: "All access tokens expire now, once: the gateway must log in again.",
    zh: "所有权限令牌立即失效一次：网关必须重新鉴权。",
  },
  "fault.revoked.done": { en: "{brand}: all access tokens have expired.", zh: "{brand}：所有权限令牌已失效。" },
  "fault.wrong": { en: "Wrong reply", zh: "应答异常" },
  "fault.wrong.what": {
    en: "The reply to every push is an HTML page.",
    zh: "每条推送的应答都是 HTML 页面。",
  },
  "fault.mangled": { en: "Mixed-up lists", zh: "应答列表错乱" },
  "fault.mangled.what": {
    en: "Every second reply lists phones in disorder, twice or not at all.",
    zh: "一半的应答里，手机列表顺序错乱、重复或缺失。",
  },
  "fault.on": { en: "{brand}: {fault} is on. {what}", zh: "{brand}：已开启“{fault}”。{what}" },
  "fault.off": { en: "{brand}: {fault} is off.", zh: "{brand}：已关闭“{fault}”。" },

  // A phone
  "phone.name": { en: "{brand} phone {name}", zh: "{brand} 手机 {name}" },
  "phone.notifications": { en: "{n} notification|{n} notifications", zh: "{n} 条通知" },
  "phone.badge": { en: "badge {n}", zh: "角标 {n}" },
  "phone.app": { en: "Your app", zh: "你的应用" },
  "phone.empty": { en: "No notifications", zh: "没有通知" },
  "phone.muted": { en: "Notifications off", zh: "已关闭通知" },
  "phone.uninstalled": { en: "App uninstalled", zh: "应用已卸载" },
  "phone.dead": { en: "The token of this phone is dead.", zh: "这部手机的 token 已失效。" },
  "phone.mute": { en: "Switch notifications off", zh: "关闭通知" },
  "phone.unmute": { en: "Switch notifications on", zh: "打开通知" },
  "phone.uninstall": { en: "Uninstall the app", zh: "卸载应用" },
  "phone.send": { en: "Send to this phone", zh: "发送到这部手机" },
  "phone.open": { en: "Details of this phone", zh: "手机详情" },
  "phone.gone": { en: "{n} no longer shown", zh: "{n} 条已不再显示" },
  "phone.token": { en: "Token", zh: "Token" },
  "phone.alias": { en: "Alias", zh: "别名" },
  "phone.account": { en: "Account", zh: "账号" },
  "phone.tags": { en: "Tags", zh: "标签" },
  "phone.state": { en: "State", zh: "状态" },
  "phone.ready": { en: "Receives notifications", zh: "可接收通知" },
  "phone.badgeNumber": { en: "Badge", zh: "角标" },
  "phone.said.muted": { en: "Notifications are off on this phone.", zh: "这部手机已关闭通知。" },
  "phone.said.unmuted": { en: "Notifications are on again.", zh: "这部手机已重新打开通知。" },
  "phone.said.uninstalled": { en: "The app is uninstalled: the token is dead.", zh: "应用已卸载：token 已失效。" },

  // A notification on a phone
  "note.new": { en: "{brand}: new notification “{title}”", zh: "{brand}：新通知“{title}”" },
  "note.newMany": { en: "{n} new notifications", zh: "{n} 条新通知" },
  "note.replaced": { en: "Replaced", zh: "已被替换" },
  "note.recalled": { en: "Recalled", zh: "已撤回" },
  "note.tapped": { en: "Tapped", zh: "已点击" },
  "note.silent": { en: "Silent", zh: "静默" },
  "note.normal": { en: "Sound and vibration", zh: "响铃和振动" },
  "note.urgent": { en: "Banner on the screen", zh: "横幅提醒" },
  "note.category": { en: "Category", zh: "消息分类" },
  "note.channel": { en: "Channel", zh: "通知通道" },
  "note.private": { en: "private", zh: "私信" },
  "note.group": { en: "Group", zh: "分组" },
  "note.picture": { en: "Picture", zh: "图片" },
  "note.sound": { en: "Sound", zh: "铃声" },

  // Details of a notification
  "details.back": { en: "Back", zh: "返回" },
  "details.close": { en: "Close the details", zh: "关闭详情" },
  "details.unknown": { en: "The sandbox does not know it any more.", zh: "沙箱已没有这条记录。" },
  "details.tap": { en: "Tap", zh: "点击" },
  "details.tapHint": { en: "As the user taps it", zh: "模拟用户点击这条通知" },
  "details.tapped": { en: "Tapped. The notification has left the screen.", zh: "已点击，通知已从屏幕上消失。" },
  "details.recall": { en: "Recall", zh: "撤回" },
  "details.recallHint": { en: "The gateway takes it back from the phone", zh: "由网关把通知从手机上收回" },
  "details.recalled": { en: "Recalled: the phone no longer shows it.", zh: "已撤回，手机不再显示这条通知。" },
  "details.notRecalled": { en: "Not recalled. {why}", zh: "未撤回。{why}" },
  "details.looks": { en: "What the phone got", zh: "手机收到的内容" },
  "details.receipts": { en: "Receipts", zh: "回执" },
  "details.noReceipts": { en: "No receipt was made for it.", zh: "没有产生回执。" },
  "requests.open": { en: "Requests", zh: "请求" },
  "requests.heading": { en: "Requests to {brand}", zh: "发往 {brand} 的请求" },
  "requests.below": { en: "The last ones, the newest first", zh: "最近的请求，最新的在前" },
  "requests.one": { en: "Request {number}", zh: "请求 {number}" },
  "requests.none": { en: "No request has come yet.", zh: "还没有收到请求。" },
  "requests.noReply": { en: "no reply", zh: "没有应答" },
  "details.request": { en: "Request", zh: "请求" },
  "details.reply": { en: "Reply of {brand}", zh: "{brand} 的应答" },
  "details.noRequest": { en: "The request is no longer in the sandbox's memory.", zh: "沙箱已不再保存这个请求。" },
  "details.noReply": { en: "No reply: the connection broke.", zh: "没有应答：连接中断。" },
  "details.delay": { en: "The reply came {seconds} s late.", zh: "应答晚了 {seconds} 秒。" },
  "details.fault": { en: "Fault played: {fault}", zh: "触发的故障：{fault}" },
  "details.headers": { en: "Headers", zh: "HTTP 头" },
  "details.emptyBody": { en: "(empty)", zh: "（空）" },
  "details.fields": { en: "Fields as they arrived", zh: "厂商收到的原始字段" },
  "details.loading": { en: "Loading…", zh: "正在读取…" },

  "fact.at": { en: "Time", zh: "时间" },
  "fact.title": { en: "Title", zh: "标题" },
  "fact.subtitle": { en: "Subtitle", zh: "副标题" },
  "fact.body": { en: "Body", zh: "正文" },
  "fact.long_body": { en: "Expanded text", zh: "展开后的正文" },
  "fact.tap": { en: "Tap", zh: "点击后" },
  "fact.buttons": { en: "Buttons", zh: "按钮" },
  "fact.data": { en: "Data", zh: "附加数据" },
  "fact.message_id": { en: "Message id", zh: "消息 ID" },
  "fact.dedupe_id": { en: "Dedupe id", zh: "去重 ID" },
  "fact.operation": { en: "Call", zh: "接口" },
  "fact.template": { en: "Template", zh: "私信模板" },
  "fact.badge": { en: "Badge", zh: "角标" },
  "fact.replaces": { en: "Replace key", zh: "替换键" },
  "fact.alert": { en: "Alert", zh: "提醒方式" },
  "fact.icon": { en: "Small picture", zh: "小图" },
  "fact.user_id": { en: "For user", zh: "目标用户" },
  "fact.ttl": { en: "Time to live", zh: "离线消息有效期" },
  "fact.network": { en: "Network", zh: "网络" },
  "fact.window": { en: "Shown between", zh: "展示时段" },
  "fact.foreground": { en: "While the app is open", zh: "应用在前台时" },
  "fact.notShown": { en: "not shown", zh: "不显示" },
  "fact.seconds": { en: "{n} s", zh: "{n} 秒" },
  "fact.wifi": { en: "Wi-Fi only", zh: "仅 Wi-Fi" },
  "fact.badgeAdd": { en: "+{n}", zh: "+{n}" },
  "fact.badgeSet": { en: "set to {n}", zh: "设为 {n}" },

  "tap.OpenApp": { en: "opens the app", zh: "打开应用" },
  "tap.OpenUrl": { en: "opens the web page {target}", zh: "打开网页 {target}" },
  "tap.OpenIntent": { en: "opens the intent {target}", zh: "打开 intent {target}" },
  "tap.OpenActivity": { en: "opens the activity {target}", zh: "打开 Activity {target}" },
  "tap.OpenIntentUri": { en: "opens {target}", zh: "打开 {target}" },
  "tap.unknown": { en: "something of the vendor's own: {target}", zh: "厂商自有的动作：{target}" },

  "receipt.arrived": { en: "Arrived on the phone", zh: "已送达手机" },
  "receipt.clicked": { en: "Tapped by the user", zh: "用户已点击" },
  "receipt.unregistered": { en: "The token is dead", zh: "token 已失效" },
  "receipt.suspect": { en: "The token may be dead", zh: "token 可能已失效" },
  "receipt.limited": { en: "Daily limit of this phone", zh: "该设备已达单日限额" },
  "receipt.muted": { en: "The user has switched notifications off", zh: "用户关闭了通知" },
  "receipt.dropped": { en: "Will not arrive", zh: "不会送达" },
  "receipt.other": { en: "Another event", zh: "其他事件" },
  "posted.due": { en: "waits to be posted", zh: "等待发送" },
  "posted.posted": { en: "posted, and taken by the host", zh: "已发送，服务端已接收" },
  "posted.failed": { en: "posted, but not taken by the host", zh: "已发送，服务端没有接收" },
  "posted.refused": { en: "not posted: the address is not on this machine", zh: "未发送：地址不在本机" },
  "posted.none": { en: "not posted: no address was given", zh: "未发送：没有给出地址" },
  "verified.true": { en: "verified by the gateway", zh: "已由网关校验" },
  "verified.false": { en: "not verified", zh: "未通过校验" },

  // Sending
  "send.heading": { en: "Send a test push", zh: "发送测试推送" },
  "send.intro": {
    en: "The gateway sends it to the sandbox, just as it would send to the vendor.",
    zh: "由网关发给沙箱，过程与发给真正的厂商相同。",
  },
  "send.examples": { en: "Examples", zh: "示例" },
  "send.brand": { en: "Brand", zh: "品牌" },
  "send.everyBrand": { en: "All brands", zh: "所有品牌" },
  "send.phone": { en: "To", zh: "发给" },
  "send.oneEach": { en: "one phone each", zh: "各一部手机" },
  "send.all": { en: "all {n} phones", zh: "全部 {n} 部手机" },
  "send.others": { en: "other tokens …", zh: "其他 token …" },
  "send.tokens": { en: "Tokens, one a line", zh: "token，每行一个" },
  "send.title": { en: "Title", zh: "标题" },
  "send.body": { en: "Body", zh: "正文" },
  "send.intent": { en: "Intent", zh: "意图" },
  "send.intent.none": { en: "none", zh: "不指定" },
  "send.looks": { en: "Looks and sound", zh: "外观与提醒" },
  "send.behaviour": { en: "Tap and delivery", zh: "点击与送达" },
  "send.set": { en: "{n} set", zh: "已填 {n} 项" },
  "send.subtitle": { en: "Subtitle", zh: "副标题" },
  "send.long_body": { en: "Expanded text", zh: "展开后的正文" },
  "send.picture": { en: "Picture (https URL)", zh: "图片（https 地址）" },
  "send.icon": { en: "Small picture (https URL)", zh: "小图（https 地址）" },
  "send.buttons": { en: "Buttons, separated by commas", zh: "按钮，用逗号分隔" },
  "send.badge": { en: "Badge", zh: "角标" },
  "send.badge.none": { en: "unchanged", zh: "不变" },
  "send.badge.add": { en: "add", zh: "加" },
  "send.badge.set": { en: "set to", zh: "设为" },
  "send.badgeNumber": { en: "Number of the badge", zh: "角标数字" },
  "send.alert": { en: "Alert", zh: "提醒方式" },
  "send.alert.none": { en: "vendor's default", zh: "厂商默认" },
  "send.alert.silent": { en: "silent", zh: "静默" },
  "send.alert.normal": { en: "normal", zh: "普通" },
  "send.alert.urgent": { en: "urgent", zh: "强提醒" },
  "send.sound": { en: "Sound (file in the app)", zh: "铃声（应用内的文件）" },
  "send.group": { en: "Group", zh: "分组" },
  "send.channel_id": { en: "Notification channel", zh: "通知通道" },
  "send.click": { en: "A tap opens", zh: "点击后打开" },
  "send.click.OpenApp": { en: "the app", zh: "应用首页" },
  "send.click.OpenUrl": { en: "a web page", zh: "网页" },
  "send.click.OpenIntent": { en: "an intent action", zh: "intent action" },
  "send.click.OpenActivity": { en: "an activity", zh: "Activity" },
  "send.click.OpenIntentUri": { en: "an intent:// or app URL", zh: "intent:// 或应用链接" },
  "send.target": { en: "What is opened", zh: "打开的目标" },
  "send.data": { en: "Data (JSON object)", zh: "附加数据（JSON 对象）" },
  "send.ttl": { en: "Time to live (seconds)", zh: "离线消息有效期（秒）" },
  "send.replace_key": { en: "Replace key", zh: "替换键" },
  "send.replaceHint": {
    en: "A later notification with the same key takes its place.",
    zh: "之后相同替换键的通知会取代它。",
  },
  "send.user_id": { en: "Only for user", zh: "仅限用户" },
  "send.background": { en: "Not while the app is open", zh: "应用在前台时不显示" },
  "send.button": { en: "Send", zh: "发送" },
  "send.sending": { en: "Sending …", zh: "正在发送…" },
  "send.badJson": {
    en: 'Data: must be a JSON object, such as {"chat": 7}',
    zh: '附加数据：必须是 JSON 对象，例如 {"chat": 7}',
  },
  "send.noTokens": { en: "Tokens: give at least one", zh: "token：至少填一个" },
  "send.tooMany": { en: "Tokens: at most 1,000", zh: "token：最多 1,000 个" },
  "send.noPhone": { en: "{brand} has no phone: register one first.", zh: "{brand} 没有手机，请先新增一部。" },
  "send.result": { en: "Outcome", zh: "推送结果" },
  "send.show": { en: "Show the phone", zh: "查看手机" },
  "list.comma": { en: ", ", zh: "、" },
  "send.count": { en: "{n} {word}", zh: "{word} {n}" },
  "send.counted": { en: "{n} phone: {words}|{n} phones: {words}", zh: "{n} 部手机：{words}" },
  "send.refused": { en: "Not sent. {why}", zh: "未发送。{why}" },
  "send.unreachable": { en: "The sandbox cannot be reached.", zh: "无法连接沙箱。" },

  "intent.chat": { en: "chat", zh: "聊天" },
  "intent.group_chat": { en: "group chat", zh: "群聊" },
  "intent.mention": { en: "mention", zh: "@ 提醒" },
  "intent.call": { en: "call", zh: "来电" },
  "intent.recall": { en: "recalled message", zh: "消息撤回" },
  "intent.friend": { en: "friend request", zh: "好友申请" },
  "intent.system": { en: "account", zh: "账号与安全" },
  "intent.order": { en: "order", zh: "订单" },
  "intent.marketing": { en: "marketing", zh: "营销" },
  "intent.news": { en: "news", zh: "资讯" },

  // Outcomes: the short word of a count, and the sentence of one push
  "outcome.accepted": { en: "accepted", zh: "已接受" },
  "outcome.rejected": { en: "rejected", zh: "被拒绝" },
  "outcome.not_sent": { en: "not sent", zh: "未发出" },
  "outcome.unknown": { en: "unknown", zh: "未知" },
  "outcome.unregistered": { en: "dead token", zh: "token 失效" },
  "outcome.muted": { en: "muted", zh: "已关闭通知" },
  "outcome.invalid_notification": { en: "invalid content", zh: "内容被拒" },
  "outcome.unsupported": { en: "unsupported", zh: "不支持" },
  "outcome.credentials": { en: "credentials", zh: "凭据被拒" },
  "outcome.quota_exceeded": { en: "over quota", zh: "配额用尽" },
  "outcome.rate_limited": { en: "rate limited", zh: "限速" },
  "outcome.unavailable": { en: "unavailable", zh: "厂商不可用" },
  "outcome.overloaded": { en: "overloaded", zh: "队列已满" },
  "outcome.expired": { en: "expired", zh: "超过截止时间" },
  "outcome.closed": { en: "closed", zh: "网关已关闭" },
  "outcome.unbound": { en: "unbound", zh: "设备已解绑" },
  "outcome.no_verdict": { en: "no verdict", zh: "没有明确应答" },

  "why.accepted": { en: "{brand} accepted it.", zh: "{brand} 已接受。" },
  "why.rejected": { en: "{brand} refused it.", zh: "{brand} 拒绝了这条推送。" },
  "why.not_sent": { en: "It was not sent.", zh: "未发出。" },
  "why.unknown": { en: "It was sent, and its result is unknown.", zh: "已发出，结果未知。" },
  "why.unregistered": {
    en: "The token is dead: retire it, if your records still hold the same one.",
    zh: "token 已失效：如果记录里仍是它，就停用它。",
  },
  "why.muted": {
    en: "Notifications are off, or the daily limit of this phone is reached. Keep the token and send on another day.",
    zh: "用户关闭了通知，或该设备已达单日限额。请保留 token，改日再发。",
  },
  "why.invalid_notification": {
    en: "The content is refused: change it before you send again.",
    zh: "内容被拒绝：修改之后再发送。",
  },
  "why.unsupported": {
    en: "{brand} has no such feature: use another one.",
    zh: "{brand} 没有这个功能：请换一种方式。",
  },
  "why.credentials": {
    en: "{brand} does not accept the certificate's credentials: fix the certificate, keep the token.",
    zh: "{brand} 不接受证书的凭据：请修正证书，保留 token。",
  },
  "why.quota_exceeded": {
    en: "The daily quota is used up. Send again tomorrow; until then the gateway makes no requests.",
    zh: "当日配额已用尽。请次日再发；在此之前网关不再请求。",
  },
  "why.rate_limited": {
    en: "The rate limit was exceeded until the deadline: send later.",
    zh: "直到截止时间都超出限速：请稍后再发。",
  },
  "why.unavailable": {
    en: "{brand} cannot be reached or is overloaded. It was certainly not delivered: send later.",
    zh: "{brand} 无法连接或过载，肯定没有送达：请稍后再发。",
  },
  "why.overloaded": { en: "The gateway's queue is full: send later.", zh: "网关的队列已满：请稍后再发。" },
  "why.unbound": {
    en: "The phone no longer belongs to the user that the push was for. Keep the token: it may be another user's.",
    zh: "该手机已不属于这条推送的用户。请保留 token：它可能已属于另一个用户。",
  },
  "why.expired": {
    en: "The deadline passed before a request could be sent. Send it again if it still matters.",
    zh: "请求还没能发出，截止时间已过。如果仍有意义，请再次发送。",
  },
  "why.closed": { en: "The gateway is closed.", zh: "网关已关闭。" },
  "why.no_verdict": {
    en: "It was sent, but no readable reply came: the phone may have got it. Sending again may deliver it twice.",
    zh: "已发出，但没有可解析的应答：手机可能已经收到，再次发送可能重复。",
  },
  "extra.truncated": { en: "Cut to the limit of {brand}: {fields}.", zh: "按 {brand} 的限制截断：{fields}。" },
  "extra.omitted": {
    en: "Left out, because {brand} does not support it: {fields}.",
    zh: "{brand} 不支持，已省略：{fields}。",
  },
  "extra.attempts": { en: "{n} request|{n} requests", zh: "{n} 个请求" },
  "extra.seconds": { en: "{n} s", zh: "{n} 秒" },
  "extra.code": { en: "vendor code {code}", zh: "厂商返回码 {code}" },
  "extra.duplicate": {
    en: "It may arrive twice: an earlier attempt had no readable reply.",
    zh: "可能送达两次：之前的一次尝试没有可解析的应答。",
  },

  // The gateway's view
  "activity.heading": { en: "What the gateway made of it", zh: "网关的处理" },
  "activity.sends": { en: "Recent sends", zh: "最近的推送" },
  "activity.noSends": {
    en: "Nothing sent yet. Outcomes of the form and of other senders through this gateway appear here.",
    zh: "尚未发送。通过本网关的推送结果会显示在这里。",
  },
  "activity.events": { en: "Events", zh: "事件" },
  "activity.noEvents": {
    en: "No events. Switch a fault on and send: circuit breaker, quota and logins show up here.",
    zh: "没有事件。开启一个故障再发送，熔断器、配额和鉴权的变化会显示在这里。",
  },
  "event.breaker_open": { en: "Circuit breaker opened", zh: "熔断器打开" },
  "event.breaker_half_open": { en: "Circuit breaker tests the vendor", zh: "熔断器半开：正在探测" },
  "event.breaker_closed": { en: "Circuit breaker closed", zh: "熔断器关闭，恢复发送" },
  "event.quota": { en: "Daily quota used up", zh: "当日配额已用尽" },
  "event.rate": { en: "Sends slower", zh: "降低速率" },
  "event.login": { en: "Logged in", zh: "鉴权成功" },
  "event.login_failed": { en: "Login failed", zh: "鉴权失败" },
  "event.quota_released": { en: "Daily quota renewed", zh: "配额恢复，继续发送" },
  "event.shed": { en: "Pushes not taken: the queue is full", zh: "队列已满，推送未受理" },
  "event.receipts_refused": { en: "Receipts refused", zh: "回执未通过校验" },
};

const BRANDS_ZH = { xiaomi: "小米", huawei: "华为", harmony: "鸿蒙", meizu: "魅族", honor: "荣耀" };

// Contents of the form's examples.
export const EXAMPLES = [
  {
    name: { en: "Chat", zh: "聊天" },
    fields: { intent: "chat", "badge.how": "add", "badge.number": "1" },
    title: { en: "Ann", zh: "林晓" },
    body: { en: "Are we still on for dinner at eight? 🍜", zh: "今晚八点还一起吃饭吗？🍜" },
  },
  {
    name: { en: "Mention", zh: "群聊 @" },
    fields: { intent: "mention", "badge.how": "add", "badge.number": "1", group: "team-42", replace_key: "team-42" },
    title: { en: "Release team (3)", zh: "发布小组（3 条）" },
    body: { en: "Bo: @you the build is green, shall we ship it?", zh: "阿博：@你 构建已通过，现在发布吗？" },
  },
  {
    name: { en: "Call", zh: "来电" },
    fields: { intent: "call", alert: "urgent", ttl: "30", sound: "ring.mp3" },
    title: { en: "Incoming call", zh: "语音来电" },
    body: { en: "Mei is calling you", zh: "小梅邀请你语音通话" },
  },
  {
    name: { en: "Order", zh: "订单" },
    fields: {
      intent: "order",
      picture: "https://img.example.com/parcel.jpg",
      data: '{"order": 2718}',
    },
    title: { en: "Your parcel is on its way", zh: "你的包裹正在派送" },
    body: { en: "Order 2718 arrives today between 14:00 and 16:00.", zh: "订单 2718 预计今天 14:00–16:00 送达。" },
  },
  {
    name: { en: "Offer", zh: "营销" },
    fields: { intent: "marketing", alert: "silent", ttl: "86400" },
    title: { en: "Autumn sale", zh: "秋季特惠" },
    body: { en: "20 % off everything until Sunday.", zh: "全场八折，周日截止。" },
  },
  {
    name: { en: "Long text", zh: "超长文本" },
    fields: { intent: "chat" },
    title: {
      en: "A title that is longer than any vendor allows, so that you see where each of them cuts it off at the end",
      zh: "一个比任何厂商的上限都长的标题，用来查看各家厂商在哪里截断：天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏",
    },
    body: {
      en: "A body that is much too long. ".repeat(24).trim(),
      zh: "这是一段过长的正文，用来查看截断的位置。".repeat(30),
    },
  },
];

const HAN = /^\p{Script=Han}/u;
const LANGUAGES = ["en", "zh"];
const STORED = "pushgateway.language";
let language = "en";
let plural = new Intl.PluralRules("en");

/** The language that is shown: "en" or "zh". */
export function currentLanguage() {
  return language;
}

/** The language chosen on this machine before, else the server's hint, else the browser's. */
export function firstLanguage(hint) {
  const chosen = remembered();
  if (LANGUAGES.includes(chosen)) return chosen;
  if (LANGUAGES.includes(hint)) return hint;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

/** Show texts in `chosen` from now on; `remember`: also on the next visit. */
export function setLanguage(chosen, remember) {
  language = chosen;
  plural = new Intl.PluralRules(chosen);
  document.documentElement.lang = chosen === "zh" ? "zh-CN" : "en";
  if (!remember) return;
  try {
    localStorage.setItem(STORED, chosen);
  } catch {
    // Storage may be switched off; the choice then lasts until the page is closed.
  }
}

function remembered() {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
}

/** Whether there is such a text. */
export function hasText(key) {
  return Object.hasOwn(TEXTS, key);
}

/** The text of `key` in the current language, with its `{names}` replaced by `values`. Numbers are written with
 * separators. */
export function text(key, values = {}) {
  if (!hasText(key)) throw new Error(`no text ${key}`);
  const forms = TEXTS[key][language].split("|");
  const form = forms.length > 1 && plural.select(values.n) !== "one" ? forms[1] : forms[0];
  return form.replace(/( ?)\{([a-z]+)\}( ?)/g, (whole, before, name, after) => {
    const value = values[name];
    if (value == null) return whole;
    const blank = name === "brand" && HAN.test(value) ? "" : " "; // no blank between Chinese words
    const written = typeof value === "number" ? number(value) : value;
    return (before && blank) + written + (after && blank);
  });
}

/** Sentences as one text: Chinese ones have no blank between them. */
export function together(sentences) {
  return sentences.join(language === "zh" ? "" : " ");
}

/** The name of a brand: Chinese users write the names of most brands in Chinese. */
export function brandName(brand) {
  return language === "zh" ? (BRANDS_ZH[brand.brand] ?? brand.title) : brand.title;
}

/** A number with separators. */
export function number(value) {
  return value.toLocaleString(locale());
}

/** Hours and minutes of epoch seconds. */
export function clockTime(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString(locale(), { hour: "2-digit", minute: "2-digit", hour12: false });
}

/** Hours, minutes and seconds of epoch seconds. */
export function exactTime(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString(locale(), { hour12: false });
}

/** Date and time of epoch seconds. */
export function dateAndTime(seconds) {
  return new Date(seconds * 1000).toLocaleString(locale(), { hour12: false });
}

function locale() {
  return language === "zh" ? "zh-CN" : "en-GB";
}
